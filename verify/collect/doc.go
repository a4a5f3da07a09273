// Package collect asks a suspect model the questions of a plan and keeps what
// it answers. It knows nothing of keys and marks, and nothing that it imports
// does: what is asked cannot depend on what a key would make of the answer.
//
// # From a frame to a seal
//
// A [Frame] is the list of prompts that might be asked. Publish its digest
// first. Then let the public draw a nonce — the next block of a chain, a round
// of a beacon — and [Frame.Sample] says which prompts are asked, in which
// order. [Run] asks them. [Transcript.Seal] fixes what came back before anybody
// opens a key. Whoever picks prompts with the key in hand can convict a model
// that never saw a mark; the best of three answers is enough.
//
// # What Run does with trouble
//
// A question is asked again only after a [*TransportError]: no byte of an
// answer arrived. The first answer that arrives whole is the answer. One that
// broke off, an error of the suspect, a refusal and an answer without text are
// kept and counted, and not asked again. Every repetition is in the transcript,
// with its reason.
//
// The journal is a file that only grows. What the suspect answered is on the
// disk, synced, before the next question is asked in its place. A process may
// be killed at any instant: at most the questions that were open, as many as
// [Options.Concurrency], are asked again, and the transcript says so
// ("interrupted").
//
// # Files
//
// Every file is UTF-8 text of lines that end in a newline (0x0a). Every line is
// one JSON value in canonical form: fields in the order given here, fields
// marked ? left out when empty, no space outside strings, <, > and & as they
// are, U+2028 and U+2029 as \u2028 and \u2029, other characters escaped only
// where JSON demands it (\b \f \n \r \t \" \\ where they exist, else \u00XX).
// Another form is refused. A digest is 64 lower-case hexadecimal digits. A text
// that is not valid UTF-8 is {"base64":"…"} in place of the string. Times are
// milliseconds since 1970 UTC by the collector's clock.
//
// Frame: one JSON string a line.
//
// Journal: first line
//
//	{"schema":"dyetrace/journal/1","plan":DIGEST,"suspect":NAME,"questions":DIGEST}
//
// then one event a line, in the order in which they happened:
//
//	{"at":TIME,"kind":KIND,"stage":STAGE,"n":NUMBER,"status"?:STATUS,"text"?:TEXT,"model"?:NAME,"error"?:MESSAGE}
//
// KIND is "ask" (about to be sent), "unreached" (no byte came back, with error)
// or "answer" (settled, with status and what came). STAGE is "prompt" for
// prompts and "start", "middle" or "end" for the probes. A last line without
// its newline is dropped.
//
// Transcript: first line
//
//	{"schema":"dyetrace/transcript/1","plan":DIGEST,"suspect":NAME,"probes":COUNT,"prompts":COUNT}
//
// then the probes by stage and number, then the prompts by number:
//
//	{"stage":STAGE,"n":NUMBER,"question":TEXT,"status":STATUS,"text"?:TEXT,"model"?:NAME,"error"?:MESSAGE,"asked":COUNT,"unreached"?:[MESSAGE,…],"first":TIME,"last":TIME}
//
// Seal: one line
//
//	{"schema":"dyetrace/seal/1","plan":DIGEST,"transcript":DIGEST,"digest":DIGEST}
//
// # Digests
//
// Every digest is the first 32 bytes of BLAKE3 in derive-key mode. The context
// is "dyetrace 2026-11-24 verify X/1" with X and the material as follows:
//
//	frame       u64le number of prompts, then for each u64le length ‖ bytes
//	sample      nonce ‖ frame digest: the stream of Frame.Sample
//	questions   D(prompts) ‖ D(probes), D(list) made like a frame's in this context
//	transcript  the bytes of the transcript's file
//	seal        plan digest ‖ transcript digest
package collect
