// Package diagnose says of a job that runs what limits its speed, and what holds its watermark back, in sentences with the evidence.
//
// It judges by what tasks report every second: how they have spent their time since the report before (busy, waiting for room
// downstream, idle), their watermarks, and the split by which a source's watermark is held.
//
// Data flow: jobmanager.Manager.View → Bottleneck, Watermark → REST.
package diagnose
