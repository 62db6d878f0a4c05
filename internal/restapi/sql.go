package restapi

import "encoding/json"

// GatewayInfo says who serves SQL.
type GatewayInfo struct {
	ProductName string `json:"productName"`
	Version     string `json:"version"`
}

// GatewayVersions are the versions of the interface.
type GatewayVersions struct {
	Versions []string `json:"versions"`
}

// SQLSessionRequest opens a session.
type SQLSessionRequest struct {
	SessionName string            `json:"sessionName,omitempty"`
	Properties  map[string]string `json:"properties,omitempty"`
}

// SQLSession names a session.
type SQLSession struct {
	SessionHandle string `json:"sessionHandle"`
}

// SQLProperties are a session's options.
type SQLProperties struct {
	Properties map[string]string `json:"properties"`
}

// SQLStatement is a statement that is to run. ExecutionTimeout is in milliseconds, 0 for none; ExecutionConfig has options for
// this statement only.
type SQLStatement struct {
	Statement        string            `json:"statement"`
	ExecutionTimeout int64             `json:"executionTimeout,omitempty"`
	ExecutionConfig  map[string]string `json:"executionConfig,omitempty"`
}

// SQLOperation names a statement that runs.
type SQLOperation struct {
	OperationHandle string `json:"operationHandle"`
}

// SQLStatus is the state of a session or an operation: INITIALIZED, PENDING, RUNNING, FINISHED, CANCELED, CLOSED, ERROR or
// TIMEOUT.
type SQLStatus struct {
	Status string `json:"status"`
}

// SQLCompletion asks for what may stand at a position of a statement.
type SQLCompletion struct {
	Statement string `json:"statement"`
	Position  int    `json:"position"`
}

// SQLCandidates are words that may stand there.
type SQLCandidates struct {
	Candidates []string `json:"candidates"`
}

// The types of a SQLPage.
const (
	SQLNotReady = "NOT_READY"
	SQLPayload  = "PAYLOAD"
	SQLEnd      = "EOS"
)

// SQLPage is a part of a statement's result. All but ResultType and NextResultURI is left out of one that is NOT_READY;
// NextResultURI of the last one.
type SQLPage struct {
	ResultType    string   `json:"resultType"`
	IsQueryResult *bool    `json:"isQueryResult,omitempty"`
	JobID         string   `json:"jobID,omitempty"`
	ResultKind    string   `json:"resultKind,omitempty"`
	Results       *SQLRows `json:"results,omitempty"`
	NextResultURI string   `json:"nextResultUri,omitempty"`
}

// SQLRows are rows. RowFormat says how their fields are written: as JSON, or in PLAIN_TEXT.
type SQLRows struct {
	Columns   []SQLColumn `json:"columns"`
	RowFormat string      `json:"rowFormat"`
	Data      []SQLRow    `json:"data"`
}

// SQLColumn is a column of rows.
type SQLColumn struct {
	Name        string  `json:"name"`
	LogicalType SQLType `json:"logicalType"`
	Comment     *string `json:"comment"`
}

// SQLType is the type of a column; what a type does not have is left out.
type SQLType struct {
	Type                string     `json:"type"`
	Nullable            bool       `json:"nullable"`
	Length              *int       `json:"length,omitempty"`
	Precision           *int       `json:"precision,omitempty"`
	Scale               *int       `json:"scale,omitempty"`
	FractionalPrecision *int       `json:"fractionalPrecision,omitempty"`
	Resolution          string     `json:"resolution,omitempty"`
	ElementType         *SQLType   `json:"elementType,omitempty"`
	KeyType             *SQLType   `json:"keyType,omitempty"`
	ValueType           *SQLType   `json:"valueType,omitempty"`
	Fields              []SQLField `json:"fields,omitempty"`
}

// SQLField is a field of a ROW.
type SQLField struct {
	Name        string  `json:"name"`
	FieldType   SQLType `json:"fieldType"`
	Description string  `json:"description,omitempty"`
}

// SQLRow is a change: Kind is INSERT, UPDATE_BEFORE, UPDATE_AFTER or DELETE.
type SQLRow struct {
	Kind   string            `json:"kind"`
	Fields []json.RawMessage `json:"fields"`
}
