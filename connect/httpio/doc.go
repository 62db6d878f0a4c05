// Package httpio reads and writes over HTTP: it asks a server again and again ([Poll]), follows its events ([Events]), takes what is
// posted to it ([Webhook]), and posts ([Sink]).
//
// Each source is one split, read by one reader: the answers of one URL, one stream of events, or one port. What a restored job reads
// again is for the server to say: the position is a cursor or the tag of an answer, the id of an event, and nothing for a webhook,
// whose clients are told to send again instead.
//
// Data flow: a goroutine asks or listens, and keeps records in a bounded buffer for Poll, which decodes them; a writer collects
// records and posts them together.
package httpio
