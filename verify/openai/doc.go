// Package openai asks a suspect behind an OpenAI-compatible API: OpenAI's own,
// or what vLLM, SGLang, llama.cpp, text-generation-inference and others serve
// under the same paths. It knows nothing of keys and marks, and nothing that it
// imports does.
//
// [New] takes a [Config]; [Client.Suspect] is the suspect that collect.Run asks,
// and [Client.Reference] a reference model beside another suspect. Call
// [Client.Check] before a collection.
//
// # Answers and failures
//
// Streaming is off. Whatever goes wrong before the first byte of an answer is a
// [collect.TransportError]: a connection that is refused or breaks, a time-out,
// a name that is not found, the statuses 401, 402, 408, 409, 425, 429 and 5xx
// other than 501 and 505, with Retry-After in seconds or as a date. White space does not
// count as a byte: services send it while they think. Everything later is an
// answer that failed: one that breaks off, is too long or is no JSON, and every
// other status. Errors repeat what the server said, up to 300 bytes on one line.
//
// An answer with finish_reason "content_filter" or a refusal in its message is
// refused, and so is a status 400 with the code "content_filter", which Azure
// sends. Its Model is the model's name with system_fingerprint, if there is one.
//
// The key goes into the header Authorization and nowhere else: not into
// errors, not into what is printed, not to another host. An answer that repeats a
// key of 16 bytes or more is not kept.
//
// # Predictions
//
// Position p of a passage is predicted from one prefix: ids, if the suspect has
// the marked model's tokenizer, or else the bytes before p, which the server
// tokenizes without what follows. The most likely token, and lists, are those
// at temperature 0; a sample is what temperature 1 with top_p 1 gives. For the
// same reason known servers are told to leave top_k, min_p and penalties out.
//
// What a position gives depends on what is before it and on the suspect, never
// on its own token, on what follows or on a key. These rules see to it:
//
//   - There is no prediction (NoToken, an empty list) before the first token of
//     a text, and where the prefix ends within a character and has to be sent as
//     text: JSON cannot hold it. Nor is there one where the server says nothing:
//     at the end of a text, or where llama.cpp generates part of a character.
//   - A predicted token is the marked model's if the server gives its id and has
//     the same tokenizer; otherwise if [Vocabulary] has a token of exactly its
//     bytes. Strings that are empty or have U+FFFD in them are no token: several
//     are shown so. What is no token is NoToken, and is dropped from lists, which
//     then are shorter; the others keep their ln p, which is not renormalised.
//     A suspect with another tokenizer is asked for [Reading.Top] tokens so that
//     enough are left.
//   - A list is sorted by ln p, ties by id. A server that adds the token at the
//     position to the m most likely shows m + 1, and the addition, which must be
//     the least likely, is dropped; m + 1 others are an error. Where the
//     addition ties with the last of the m, the server's choice of m stands.
//   - The most likely token is the first of a list if a list came and all of it
//     are tokens of the marked model, and otherwise what the server generates at
//     temperature 0: of strings that look alike servers show the ln p of any.
//
// [Echo] and [PromptLogProbs] read all positions of a question in one request, of
// ids. The server must show that it read exactly those. A position is asked for
// separately where the list does not show whether the passage's own token was
// added: there are no more than m entries and it is the least likely. The last
// position always is, and must give about the same ln p to half of the tokens:
// llama-cpp-python (0.3.16) echoes, for models without a beginning-of-text token,
// the list of the next position, which has seen the passage's own token.
//
// ln p of the passage's own tokens ([collect.Want]) is what these two show of the
// tokens that they were sent, and nothing else does: with any other way to read, a
// question that asks for it fails. What a position gives beside it stays the same.
//
// A question of several positions is one request with Echo and PromptLogProbs,
// but for those; otherwise one for every [Reading.Batch] positions, for lists
// and samples each. If the first is answered and a later one is not, the
// question has failed: it is not asked twice. With a server that limits the rate
// of requests let a question be one request: Span 1, or Span and Batch alike.
//
// An answer in which tools are called, as it may be where [Answers.Extra] has tools, is
// the message as JSON: role, content and tool_calls. Orders of parallel calls are read
// from it; tests of tokens read JSON then.
//
// Chat templates are the server's: some strip white space at the end of a
// message, so that a prefix that ends in it is read without. That costs power,
// not validity.
package openai
