package restapi

// Bottleneck is what limits the speed of a job.
type Bottleneck struct {
	// Limit is OPERATOR, SKEW, SOURCE, NONE or UNKNOWN.
	Limit string `json:"limit"`
	// Vertex is what limits it, absent for none; Subtask is the busiest one of it.
	Vertex  *VertexName `json:"vertex,omitempty"`
	Subtask int         `json:"subtask"`
	// Text is a sentence, Evidence what it is concluded from, Advice what helps.
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"`
	Advice   string   `json:"advice,omitempty"`
}

// VertexName is which vertex is meant.
type VertexName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// WatermarkExplanation is what holds a watermark back.
type WatermarkExplanation struct {
	// Hold is SPLIT, VERTEX, IDLE, NO_WATERMARK, ENDED or UNKNOWN.
	Hold string `json:"hold"`
	// Watermark is in milliseconds since 1970, null for none.
	Watermark *int64 `json:"watermark"`
	// Now is the JobManager's time.
	Now int64 `json:"now"`
	// Chain leads to a source, by the subtask of each vertex that has the least watermark; At is the place of what holds it back.
	Chain []WatermarkLink `json:"chain"`
	At    int             `json:"at"`
	// Split is the source's split that holds it back, if it is known.
	Split string `json:"split,omitempty"`
	// Text is a sentence, Advice what helps.
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// WatermarkLink is a subtask with its watermark, which it was first heard to have at Since.
type WatermarkLink struct {
	Vertex    VertexName `json:"vertex"`
	Subtask   int        `json:"subtask"`
	Watermark *int64     `json:"watermark"`
	Since     int64      `json:"since"`
}

// Diagnosis is both in short: what followers of a job are told.
type Diagnosis struct {
	Limit            string      `json:"limit"`
	Vertex           *VertexName `json:"vertex,omitempty"`
	Bottleneck       string      `json:"bottleneck"`
	Evidence         []string    `json:"evidence"`
	BottleneckAdvice string      `json:"bottleneck-advice,omitempty"`
	Hold             string      `json:"hold"`
	Watermark        string      `json:"watermark"`
	WatermarkAdvice  string      `json:"watermark-advice,omitempty"`
}
