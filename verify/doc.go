// Package verify asks whether a suspect model was trained on the outputs that a
// watermark was written into, and answers with an error rate that a hostile
// reader can check.
//
// # The order of things
//
//	plan        what is tested, under which committed keys, with which error rate
//	frame       the prompts that might be asked; its digest is published
//	nonce       a public number, drawn afterwards, picks the prompts
//	collect     the suspect is asked; nobody needs a key for that (package collect)
//	seal        the answers are fixed; the digest is published
//	judge       the keys are opened and the plan is followed to the letter
//	report      what was found, and what that does not show
//
// Outputs first, keys second. A key holder who picks prompts, answers or tests
// with the key in hand can convict a model that never saw a mark. A report on
// prompts that no nonce picked says so in its first line.
//
//	plan := &verify.Plan{…}
//	task, err := plan.Task(frame)
//	transcript, err := collect.Run(ctx, task, suspect, "journal", collect.Options{})
//	seal, err := transcript.Seal()
//	report, err := verify.Judge(ctx, verify.Case{Plan: plan, Frame: frame, Transcript: transcript, Seal: seal, Keys: keys, …})
//	err = report.WriteText(os.Stdout)
//
// # The null hypothesis
//
// The suspect is independent of key K, given everything else it was trained on.
// Under it a p-value is a probability over the draw of the key, the suspect and
// its answers being what they are: repetitive, translated, copied from each other
// or written for the occasion. Rejection shows that outputs made under K were
// used. It does not show who took them, when, by which route, whether that was
// authorised, or how much was gained.
//
// # Tests of text
//
// G1 scores the tokens of the answers, each (window, token) pair once. Windows
// that occur in any of the prompts are left out: what follows them may be copied.
//
// G2 looks only where the served answers were: at windows that occur in them.
// There a student has learnt something, elsewhere it has not, so G2 needs fewer
// tokens. But whether a window occurs in marked text is itself decided by the
// key. So the scores are taken in the order in which their windows first occur in
// the served answers, and the first N count, N fixed in the plan; of those that
// are missing in the end each counts as 0, which makes the p-value a bound. With
// N = 0 all count, and the p-value is 1/e of the e-process in that order. All
// survivors with their own number for N, or N of them in another order, convict
// clean models. So do served answers that were selected by their content; that they
// were not is the key holder's word, see [ServedPlan]. Where a source's seeds
// depend on the token that follows (the self-hash of transformers), G2 is void.
//
// Both have the null law of the mark's scheme: Gamma for Gumbel marks, binomial
// for green lists and tournaments. p-values are natural logarithms in fields and
// files, powers of ten in texts. A [Product] multiplies the e-values of one test
// under several independent keys to one finding.
//
// # Calibration
//
// Every finding is compared with the same test under decoy keys that are derived
// from the seal and so cannot be chosen without redoing the transcript: see
// [evidence.Decoys]. If these do not follow the null law, the finding is void.
// Void findings, keys that were not opened, all tests of earlier plans on the same
// suspect, and all tests under other keys that the vendor committed before the
// nonce count in the one family that Holm's method corrects: see Plan.Earlier.
//
// # Exactness
//
// Scores are added as integers, floor(s·2^32), in 128 bits: equal cases give equal
// sums and counts on any machine and any number of cores. Logarithms and what is
// computed with them may differ between machines in their last digits, some
// multiplying and adding in one step, so reports round them to 10 significant
// digits, below 1 to 9 decimals. Decisions are made before rounding. Two machines
// then write the same report byte for byte, unless a figure lies within its last
// digits of a boundary of rounding, or a p-value that near to its level. On one
// machine they always do. "exact" is a
// probability in the random-function model with a uniformly drawn key. What the
// words can bear is their kind: "cryptographic", "statistical", or "public key",
// which is never evidence. See package watermark.
//
// # Not promised
//
// That the answers came from the suspect: a seal fixes what was collected, not
// where. That a clean verdict means that nothing was taken: paraphrase, dilution
// and wide windows hide a mark; what could have been detected is in the report.
//
// # Files
//
// Files are lines of canonical JSON as described in package collect. Logarithms
// are natural. Digests are BLAKE3 in derive-key mode, context "dyetrace 2026-11-24
// verify X/1" with X and the material:
//
//	plan    the bytes of the plan's file
//	served  see ServedDigest
//
// Plan, one line; ? marks what is left out when empty or zero:
//
//	{"schema":"dyetrace/plan/1",
//	 "suspect":NAME,"access":"text","sequence":COUNT,"earlier":COUNT,
//	 "frame":{"digest":DIGEST,"size":COUNT,"ask":COUNT,"logged"?:TEXT},
//	 "nonce"?:{"value":DIGEST,"source":TEXT},
//	 "probes"?:[TEXT,…],
//	 "tokenizer":{"name":NAME,"digest":DIGEST},
//	 "keys":[{"name":NAME,"mark":ID,"kind":KIND,"key_id":ID,"commitment"?:COMMITMENT},…],
//	 "tests":[{"name":"G1"},{"name":"G2","first"?:COUNT}],
//	 "served"?:{"digest":DIGEST,"texts":COUNT,"logged"?:TEXT},
//	 "products"?:[{"name":NAME,"test":NAME,"keys":[NAME,…]},…],
//	 "alpha":NUMBER,"decoys":COUNT,
//	 "void":{"missing":NUMBER,"one_model"?:true,"same_probes"?:true}}
//
// without the line breaks shown here. Numbers are the shortest decimals that give
// the same float64, with an exponent below 1e-6 and from 1e21 on. Report: one line
// too, the fields of [Report] and [Finding] in the order of their declaration.
//
// Decoy key j of a mark is [watermark.Watermark.Decoy] with the seal's digest as
// its seed.
package verify
