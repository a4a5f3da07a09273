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
//	bundle      one file from which an opponent makes every figure again
//
// Outputs first, keys second. A key holder who picks prompts, answers or tests
// with the key in hand can convict a model that never saw a mark. A report on
// prompts that no nonce picked says so in its first line.
//
//	plan := &verify.Plan{…}
//	task, err := plan.Task(frames)
//	transcript, err := collect.Run(ctx, task, suspect, "journal", collect.Options{})
//	seal, err := transcript.Seal()
//	report, err := verify.Judge(ctx, verify.Case{Plan: plan, Frames: frames, Transcript: transcript, Seal: seal, Keys: keys, …})
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
// # Tests of what the suspect writes
//
// G1 scores the tokens of the answers, each (window, token) pair once. Windows that
// occur in the answer's own prompt are left out: what follows them may be copied. The
// p-value is exact for any number of tokens: text that is independent of the key may
// be anything. The other prompts are taken to be independent of it, too.
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
// # Tests of what the suspect predicts
//
// The suspect reads marked texts ([collect.Passage]) and says at each position what
// it would write there: the most likely token (R1), one sampled (R2), or the m most
// likely with their log-probabilities (R3, R4, R4h). With texts that it is said to
// have been trained on the test is supervised, and far stronger than any test of
// text; with other texts, Served looks only at windows that were served.
//
// A position counts only if its window occurs there for the first time: in the text,
// and in all texts of the plan, in their order ([watermark.Watermark.FirstWindows]).
// Then the words after it are fresh, whatever a model makes of the text before them.
// Prompts are taken to be written without the key. Earlier turns of a talk that were
// made under it are passages of their own, before the text that follows them: a prompt
// of one text would reveal words of a window that counts in another. Served is exact
// for texts that were not made under the key. In texts that were, the word after one
// window decides what a model says after a second, and the word after the second in a
// served answer whether the first was served: the fair bet 2U on two such words has
// mean 19/18.
//
// One that copies what followed the window earlier in its context is convicted
// otherwise, though it never saw a mark; and decoy keys do not show it. Therefore a
// plan can name [Plan.Controls], models that never saw the marked answers and are
// asked the same: where a test rejects one of them, the finding is void.
//
//	R1, R2, R4h  Σ s(w, a)                      a the token said, sampled, or gained most
//	R3           Σ q(v) (s(w, v) − mean)        over the listed tokens v
//	R4           Σ (√q(v) − √q⁰(v)) (s(w, v) − mean), or q − q⁰ with Difference
//
// with q⁰ of a reference model, such as the suspect's base. The number of positions
// is itself a matter of the key. So R1, R2 and R4h have exact p-values for the first
// N, N fixed in the plan, as G2 has; else, and R3 and R4 always, p = 1/e, with
//
//	ln e = ln mean over θ of exp Σ_t [θ_t x_t − K_t(θ_t)],   θ_t = min(θ, ½ / max_v (a_tv)₊)
//
// over a fixed grid of θ, K_t the cumulant function of the position's part x_t under
// the null hypothesis ([evidence.Weighted]). Every θ_t is known before the words of
// position t are, so that the product is a test martingale (Ville 1939), and a test
// with Stop may end when it has seen enough.
//
// Sparse tests take higher criticism in place of the sum ([evidence.HigherCriticism]):
// for a mark on few of the tokens.
//
// G and R tests have the null law of the mark's scheme: Gamma for Gumbel marks,
// binomial for green lists and tournaments. p-values are natural logarithms in fields
// and files, powers of ten in texts. A [Product] multiplies the e-values of tests
// under several independent keys to one finding, a [Pool] adds up texts that were
// each made under a key of their own, and with [Hierarchy] keys form a tree: vendor,
// epochs, cohorts, accounts.
//
// On recorded outputs of a model of 135 million parameters, fine-tuned on 41,451
// marked tokens (examples/radioactivity), log10 of the null law's tail
// ([Finding.LogTail]) is −6 for G1 and −11 for G2 of 26,000 tokens of its own, and
// of 6,238 positions of its training texts −189 (R1), −88 (R2), −158 (R3), −758
// (R4), −462 (R4h); of 6,515 positions of texts that it never saw −3, −1, −3, −32
// and −8, and with Served −7, −4, −8, −67 and −23. A finding stands on LogP: that of
// G1 is the same, 1/e is up to 6 short of it (G2 −8, R1 −185), and R4's bets do
// better on the training texts (−850).
//
// # Ranks of twins
//
// A book of canaries can hold twins: candidates of a text of which the key planted one
// in what was served, each as likely as any other. Rank asks a suspect for ln p of
// every candidate of every twins ([collect.Want], Own), all after one prompt that the
// nonce picks, and nobody needs a key for that: the frame follows from book, prompts and
// tokenizer ([TwinsFrame]), and a case with another frame is refused. The rank of the
// planted one is 1 + #{twins at least as likely}: ties count against the claim, and so
// does what is missing, a twin as more likely and the planted candidate as less. The
// p-value is that of the number k of items whose planted candidate is first,
//
//	P(K ≥ k),   K a sum of independent Bernoulli(1/(m+1)), m the twins of an item
//
// exact without ties at the first place and a bound with them, whatever the suspect
// finds likely and however candidates differ in length. The sum of all ranks stands
// beside it, as a figure. Items are other units than those of Cells and Picks: their
// e-values multiply under one key. Suspects that are sent ids need the vocabulary of the
// plan's tokenizer. ln p of own tokens is for ranks only: R tests never see it.
//
// # Calibration
//
// Every finding is compared with the same test under decoy keys that are derived
// from the seal and so cannot be chosen without redoing the transcript: see
// [evidence.Decoys]. If these do not follow the null law, the finding is void.
// Void findings, keys that were not opened, all tests of earlier plans on the same
// suspect, and all tests under other keys that the vendor committed before the
// nonce count in the one family that Holm's method corrects: see Plan.Earlier. Keys
// marked HeldOut, under which nothing was made, are controls too: a test that finds
// one is void under every key.
//
// # Exactness
//
// Scores are added as integers, floor(s·2^32), in 128 bits, and coefficients are
// rounded to 2^-32 by arithmetic that is the same everywhere: equal cases give equal
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
// # Relayed answers
//
// A suspect that asks the service, or looks answers up, is found by every test, and was
// not trained for it. So the answers are compared with the marked texts of the case: of
// runs of 50 tokens and more that both have and the prompt has not, reports give the
// number ([Relayed]), and a test of texts that finds nothing in the other answers is
// void. That can but raise p-values. Without served answers or passages there is nothing
// to compare with. Passages that a suspect predicts token after token are noted.
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
//	 "suspect":NAME,"sequence":COUNT,"earlier":COUNT,
//	 "frame"?:FRAME,
//	 "reading"?:{"frame":FRAME,"top"?:COUNT,"reference"?:NAME,"age"?:TEXT,"span"?:COUNT,"vocabulary"?:COUNT,"end"?:ID},
//	 "twins"?:{"frame":FRAME,"prompts":[TEXT,…]},
//	 "nonce"?:{"value":DIGEST,"source":TEXT},
//	 "probes"?:[TEXT,…],
//	 "tokenizer"?:{"name":NAME,"digest":DIGEST},
//	 "keys":[{"name":NAME,"mark":ID,"kind":KIND,"key_id":ID,"commitment"?:COMMITMENT,"tree"?:NAME,"held_out"?:true,"parent"?:NAME},…],
//	 "tests":[{"name":TEST,"form"?:"difference","weight"?:"ridge","fresh"?:true,"served"?:true,"sparse"?:true,"first"?:COUNT,"stop"?:true,"reserve"?:COUNT},…],
//	 "served"?:{"digest":DIGEST,"texts":COUNT,"logged"?:TEXT},
//	 "book"?:{"name":NAME,"hash":DIGEST,"baseline"?:NAME},
//	 "controls"?:[NAME,…],
//	 "products"?:[{"name":NAME,"parts":[{"key":NAME,"test":TEXT},…]},…],
//	 "pools"?:[{"name":NAME,"test":TEXT,"keys":[NAME,…]},…],
//	 "correction"?:"holm" or "hierarchy",
//	 "alpha":NUMBER,"decoys":COUNT,
//	 "void":{"missing":NUMBER,"one_model"?:true,"same_probes"?:true}}
//
// with FRAME {"digest":DIGEST,"size":COUNT,"ask":COUNT,"logged"?:TEXT} and
// without the line breaks shown here. Numbers are the shortest decimals that give
// the same float64, with an exponent below 1e-6 and from 1e21 on. Report: one line
// too, the fields of [Report] and [Finding] in the order of their declaration.
//
// Decoy key j of a mark is [watermark.Watermark.Decoy] with the seal's digest as
// its seed; of a mark whose key is part of a pool, with the digest of the seal's
// digest ‖ name of the key in the context "dyetrace 2026-11-24 verify pooled decoys/1".
// Decoy keys of a tree are draws of every unit's option, in order, from the stream of
// the seal's digest in the context "dyetrace 2026-11-25 verify canary decoys/1", and for
// twins of their planted candidates in "dyetrace 2026-11-25 verify twin decoys/1".
package verify
