// Package planting is what servers that plant canaries share: whose request it is
// and which keys decide for it, one answer on its way out, and the ledger, in which
// what was planted is before it is sent.
//
// A Garden begins an Answer for each request; the text of each of its Choices is
// fed as the model writes it, recorded, and taken to be sent:
//
//	a, reason := garden.Begin(request)     // or why the answer is left as it is
//	c := a.Choice(0)
//	c.Feed(piece)                          // and c.End() after the last one
//	a.Record(false)                        // leaves are on the disk, or text is plain
//	send(c.Take())
//	a.End(true)                            // before the end of a stream is sent
//
// It fails open for users and closed for evidence: whatever is wrong with book,
// keys or ledger, text is sent as the model wrote it, and nothing is planted
// without a leaf.
package planting
