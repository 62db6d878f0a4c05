// Package graph is the plan of a job: operators and the edges between them, before it runs.
//
// Builders (stream, later sql) add Nodes and Edges; Compile resolves what was left open, validates
// the whole and cuts it into chains, each of which becomes a task. A graph is data: it starts
// nothing and knows nothing of where it will run.
//
// Both ends of an exchange get from it which channels there are (Strategy.Targets) and what their numbers
// are (Channels).
//
// Data flow: stream builds a Graph; launch compiles it and has it executed; Explain shows it.
package graph
