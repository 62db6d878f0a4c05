// Package all lists the connectors and formats of Flott, and has the drivers of file systems.
//
// Data flow: who has tables of any kind, such as the command line, hands the lists to SQL.
package all

import (
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/connect/file"
	_ "github.com/flott-dev/flott/connect/hdfs" // a driver of files
	"github.com/flott-dev/flott/connect/httpio"
	"github.com/flott-dev/flott/connect/jdbc"
	"github.com/flott-dev/flott/connect/kafka"
	"github.com/flott-dev/flott/connect/nats"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/connect/postgrescdc"
	"github.com/flott-dev/flott/connect/print"
	_ "github.com/flott-dev/flott/connect/s3" // a driver of files
	"github.com/flott-dev/flott/connect/socket"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/avro"
	"github.com/flott-dev/flott/format/csv"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/format/parquet"
	"github.com/flott-dev/flott/format/protobuf"
	"github.com/flott-dev/flott/format/raw"
)

// Factories are the connectors: what 'connector' can name.
func Factories() []connect.TableFactory {
	return []connect.TableFactory{file.Table, kafka.Table, kafka.Upsert, jdbc.Table, postgrescdc.Table, nats.Table, httpio.Table, httpio.WebhookTable, datagen.Table, nexmark.Table, print.Table, discard.Table, socket.Table}
}

// Formats are the formats: what 'format' can name.
func Formats() []format.Factory {
	return []format.Factory{csv.Factory, json.Factory, json.Debezium, json.Canal, json.Maxwell, json.Ogg, raw.Factory, avro.Factory, avro.Confluent, parquet.Factory, protobuf.Factory}
}
