// Package wire is the connection between two processes of the data plane: messages of many channels
// over one net.Conn, each channel with a flow control of its own.
//
//	producer ─▶ Sender ┐                                                      ┌ Receiver ─▶ Handler
//	            queue  ├─▶ writing goroutine ══ frames ══▶ reading goroutine ─┤
//	producer ─▶ Sender ┘   in turn, by bytes ◀═ credits ══                    └ Receiver ─▶ Handler
//
// Two processes have one connection, which Client and Server open with a handshake, and on it as many
// channels as they like, in both directions. A channel has a number that both sides know from
// elsewhere, a Sender at one end and a Receiver at the other, which may come in any order.
//
// A message is a Buffer of bytes with a kind that the users choose. Messages of a channel arrive in
// order. A Receiver has room for a window of bytes: a Sender queues whatever it is given, says whether
// there is room for more, and has its producer woken when there is again; what lacks room stays with
// it. So a slow consumer stops its own producers and nobody else's. Urgent messages overtake what is
// queued and need no room.
//
// A frame has a header of 24 bytes, all numbers with the least significant byte first:
//
//	0       1          2       3   4        8         16            20         24
//	┌───────┬──────────┬───────┬───┬────────┬─────────┬─────────────┬──────────┬───────────
//	│ kind, │ kind of  │ flags │ 0 │ length │ channel │ checksum of │ checksum │ payload …
//	│ below │ the user │       │   │        │         │ the payload │          │
//	└───────┴──────────┴───────┴───┴────────┴─────────┴─────────────┴──────────┴───────────
//
// The only flag, 1, says that the payload is a block of s2. The last checksum is of the header up to
// there and of the number of frames before this one. So a length is believed only when it is right, and
// a frame that is lost or comes twice shows.
//
//	frame      sent by    payload                means
//	message    sender     the message            takes its length + 64 of the credit
//	urgent     sender     the message            takes no credit
//	end        sender     none                   the channel sends nothing more
//	credit     receiver   8 bytes: how much      the sender may send so much more; the first one opens
//	stop       receiver   none                   the channel takes nothing more
//	heartbeat  both       none                   the process is alive
//	bye        both       none                   no channel sends a message any more
//
// Peers has all connections of a process: it listens, dials, and keeps it at one for each other process,
// also where both have dialed.
//
// Data flow: internal/exchange hands messages to a Sender and gets them from a Receiver on the other
// side; Peers gives Client and Server the net.Conn and its user the Conn.
//
// # Non-obvious
//
//   - No call of a producer or consumer blocks. Handlers and wake functions run on the reading
//     goroutine without a lock held: they must not block either, but may call anything here except
//     Conn.Close.
//   - A channel takes a message while its credit is positive, however long the message. So one that
//     is longer than the window passes, and a receiver holds at most its window and one message.
//   - Nothing is sent on a channel before its first credit. So a message never comes to a receiver
//     that is not there yet. Urgent messages wait for it too.
//   - Both sides forget a channel when it has seen end and stop: before that, messages and credits
//     that were under way still come for an end that is closed here. A number is used once. A channel whose
//     receiver has closed and whose sender never comes is remembered as long as the connection lives.
//   - Payloads are compressed and summed up in Send, on the goroutines of the producers; the writing
//     goroutine only completes headers. Small payloads are copied into one buffer with them; long
//     ones are given to the kernel as they are, if the net.Conn can take several slices at once.
//   - When a write fails, what the other side has sent before is still read, for a heartbeat at most.
//   - Silence is counted in heartbeats of our own, not on the clock: a process that was stopped itself
//     does not take all its peers for dead when it goes on.
//   - After bye a side still sends credits: the other one may need them to flush. A side that has sent
//     and got bye writes nothing more, closes its direction, and reads until the other side has done
//     the same. Closing at once would reset the connection if anything was unread, and with it
//     what the other side has not read.
//   - Of two sides that disagree about TLS, each tells the other one in its own way: a server refuses a client without TLS without
//     TLS, and one with it by an answer that is none. In TLS 1.3 a client hears only after the handshake of TLS that its
//     certificate does not do: where it reads our own.
//   - A process is known by its name, of one life: who dials an address gets an error when another one
//     is there by now.
//   - Peers takes a call although it is dialing itself if the other's name is smaller, and refuses it if
//     its own is. Who is refused so tries again: the other's call may come to nothing.
//   - A connection may have ended for the other side and not yet here. Its calls are refused until it
//     has, by its silence at the latest.
//   - Up for a new connection waits until Down has been told for the one before.
//   - Lock order: none is held while another is taken.
package wire
