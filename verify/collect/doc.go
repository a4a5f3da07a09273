// Package collect asks a suspect model the questions of a plan and keeps what
// it answers. It knows nothing of keys and marks, and nothing that it imports
// does: what is asked cannot depend on what a key would make of the answer.
//
// # From a frame to a seal
//
// A [Frame] is the list of prompts, or passages, that might be asked. Publish its
// digest first. Then let the public draw a nonce — the next block of a chain, a
// round of a beacon — and [Frame.Sample] says which of them are asked, in which
// order. [Run] asks them. [Transcript.Seal] fixes what came back before anybody
// opens a key. Whoever picks prompts with the key in hand can convict a model
// that never saw a mark; the best of three answers is enough.
//
// # Reading
//
// A suspect whose next token can be asked for, given any beginning, can be tested
// on what it expects when it reads. A [Passage] is a text of the marked model; at
// each of its positions a [Predictor] says, from what comes before and nothing
// else, which token it finds most likely, a sample, or the m most likely tokens
// with their log-probabilities ([Want]), and how likely it finds the passage's own
// token, where candidates of one text are compared. A [Rescorer], a reference model, may say
// how likely it finds the same tokens. Passages are drawn from a frame like
// prompts: [PassageFrame], [Frame.Sample], [ParsePassage].
//
// One question is one span of a passage, [Task.Span] positions of it. What comes
// back is checked as it comes: as many predictions as positions, no more tokens
// than were wanted, none twice, the most likely first and ties by id,
// log-probabilities that are finite, at most 0 and of probabilities that do not
// exceed 1 together, and a most likely token that the list does not contradict. An
// answer that is otherwise failed: it is kept with what is wrong with it, never
// scored and never asked for again.
//
// # What Run does with trouble
//
// A question is asked again only after a [*TransportError]: no byte of an
// answer arrived. The first answer that arrives whole is the answer. One that
// broke off, an error of the suspect, a refusal and an answer without text are
// kept and counted, and not asked again. Every repetition is in the transcript,
// with its reason. A reference is no suspect: that it was asked again is not
// recorded, and a reference that does not answer for now never makes the suspect
// predict again.
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
// An id is an integer of at least 0. A log-probability is the shortest decimal
// number that reads back as the same float64: without an exponent from 1e-6 up to
// 1e21, otherwise like -1.5e-7 and -1e+21; -0 for the negative zero.
//
// Frame: one JSON string a line. In a frame of passages the string is the
// passage's line.
//
// Passage: one line
//
//	{"key"?:NAME,"prompt":[ID,…],"tokens":[ID,…],"prompt_text"?:TEXT,"pieces"?:[TEXT,…]}
//
// Predictions: a list with one entry for each position,
//
//	{"a":ID,"s":ID,"i"?:[ID,…],"l"?:[LNP,…],"r"?:[LNP,…],"o"?:LNP}
//
// which are the most likely token, the sampled one (-1 for none: not asked for, or
// not a token of the marked model), the listed tokens, their log-probabilities,
// those by the reference, and that of the passage's own token.
//
// Journal: first line
//
//	{"schema":"dyetrace/journal/1","plan":DIGEST,"suspect":NAME,"questions":DIGEST}
//
// then one event a line, in the order in which they happened:
//
//	{"at":TIME,"kind":KIND,"stage":STAGE,"n":NUMBER,"passage"?:NUMBER,"begin"?:POSITION,"end"?:POSITION,"status"?:STATUS,"text"?:TEXT,"model"?:NAME,"error"?:MESSAGE,"predictions"?:PREDICTIONS,"reference"?:[[LNP,…],…]}
//
// KIND is "ask" (about to be sent), "unreached" (no byte came back, with error)
// or "answer" (settled, with status and what came). STAGE is "prompt" for
// prompts, "start", "middle" or "end" for the probes, and "reading" for spans of
// passages. Answers of the last say which span they are of, "passage", "begin"
// and "end", also where these are 0. If there is a reference, its question has
// an event of KIND "read" first, with the suspect's predictions and model, and
// its answer holds "reference": the list of LNP for each position. A last line
// without its newline is dropped.
//
// Transcript: first line
//
//	{"schema":"dyetrace/transcript/1","plan":DIGEST,"suspect":NAME,"probes":COUNT,"prompts":COUNT,"readings"?:COUNT,"want"?:WANT,"reference"?:true,"span"?:COUNT}
//
// with WANT {"argmax"?:true,"sample"?:true,"top"?:COUNT,"own"?:true,"vocabulary"?:COUNT}, then the probes by stage
// and number, then the prompts by number:
//
//	{"stage":STAGE,"n":NUMBER,"question":TEXT,"status":STATUS,"text"?:TEXT,"model"?:NAME,"error"?:MESSAGE,"asked":COUNT,"unreached"?:[MESSAGE,…],"first":TIME,"last":TIME}
//
// then the readings by number, which is by passage and position; "question" is the
// digest of the passage:
//
//	{"stage":"reading","n":NUMBER,"passage":NUMBER,"begin":POSITION,"end":POSITION,"question":DIGEST,"status":STATUS,"model"?:NAME,"error"?:MESSAGE,"asked":COUNT,"unreached"?:[MESSAGE,…],"first":TIME,"last":TIME,"predictions"?:PREDICTIONS}
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
//	passage     the bytes of its line, without a newline
//	questions   D(prompts) ‖ D(probes), D(list) made like a frame's in this context,
//	            and if there are passages ‖ D(their lines) ‖ u64le argmax ‖ u64le
//	            sample ‖ u64le top ‖ u64le reference ‖ u64le span, 1 for true,
//	            and ‖ u64le 1 if Own is wanted, and ‖ u64le 2 ‖ u64le vocabulary if that is not 0
//	transcript  the bytes of the transcript's file
//	seal        plan digest ‖ transcript digest
package collect
