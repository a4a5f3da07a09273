// Package canary plants choices among equals, which a key decides, in answers
// that a server sends, and reads them back from what a suspect says.
//
// A [Book] says what may be planted: carriers of two or more interchangeable
// forms ("for example", "for instance"), how often text has each of them, and how
// all their uses are divided into units, each of which one key decides once.
// [Book.Choose] draws the decisions. A [Planter] rewrites an answer on its way
// out; [Choices.Pick] answers questions with several right answers;
// [Choices.OrderTools] orders parallel tool calls. What was planted goes to the
// ledger, package canary/ledger.
//
// Later a [Tally] of a suspect's answers counts, for every unit, the options at
// its first occurrence in each. A suspect that knows nothing of the key agrees
// with it as often as chance has it, whatever it says: package verify tests that.
//
// # Why it does no harm
//
// Forms are exchanged only where their guards hold, and guards were chosen on
// real text so that neither form is worse there. Nothing is touched inside fenced,
// inline or indented code, JSON, XML, YAML, patches, tables, quotations, URLs,
// mathematics, headings, refusals or warnings; nor any carrier of which the prompt
// contains a form; nor anything where the form of the answer is fixed. In doubt
// text is left alone, so some uses are never planted. Digits are never part of a
// form. What is not promised: the tables of Markdown whose lines do not begin with
// '|' are known by their first '|' only; a quotation without marks is none, and one
// whose paragraphs do not each begin with a mark ends with its first; headings are those
// that begin with '#'; YAML, TOML, CSV and patches in the middle of prose and without
// fences are known by the lines that look like them only.
//
// # Trees, classes, buckets
//
// A unit is (tree, carrier, class, bucket). The class is of the request, such as
// "code/en"; the bucket of what stands before the carrier, such as "first
// paragraph"; the tree says which key decides, and follows from the rest by a
// fixed partition. Trees are "vendor", "epoch" and "cohort" by custom: as their
// units are disjoint, a test of one says nothing of another. Half of each tree's
// units, or what share the book says, are its reserve, which only a test that
// confirms may look at.
//
// # Modes
//
// sampled: the law of each unit is what text has by itself, and every eligible use
// is planted, so over keys each place has the law of ordinary text. tilt: any law,
// uniform by default, planted with probability λ by a coin of the tree's holder
// over prompt and unit. A retry repeats its coins, and all accounts under one
// holder see the same, so averaging over accounts shows no more than one of them.
//
// # Format of a book
//
// UTF-8 text, one directive a line, leading and trailing space ignored, lines that
// begin with '#' skipped:
//
//	dyetrace canary book/1          the first line
//	name english                    letters, digits, '_' '.' '-'
//	parser prose/1                  or plain/1, which reads and never plants
//	mode sampled                    or: tilt 0.25
//	classifier dyetrace/1           or none (one class, "any"), or a name of one's own
//	class support/en sales/en       only under a classifier of one's own
//	bucket paragraphs 2 sentence    or none; any of paragraphs N, sentence, list; at most 16 values
//	tree vendor 60                  shares of the units, several lines
//	reserve 0.5                     share of each tree's units that is its reserve; default 0
//	articles none                   "a" and "an" do not follow forms; default english
//	tools parallel                  parallel tool calls are ordered
//	sequential write_file           tools whose messages keep their order
//
//	set own the my your             words to be used as @own
//
//	carrier for-example
//	classes */en                    classes in which it is used; default all
//	form for example                two to 16
//	form for instance
//	law 3698422358 596544938        integers that sum to 2³²; in mode tilt uniform by default
//	before ^ or                     what must stand before
//	not-before such                 what must not
//	after , :                       what must stand behind
//	not-after *ing the_time         what must not
//
//	pick town                       a question with several answers
//	ask name a fictional town       what a prompt contains that asks it, in any case
//	form Aldmoor
//	form Brackwater
//
//	twins receipt                   candidates of which one is planted
//	form The blue heron waits.
//	form The grey heron waits.
//
// A guard is a list of words in lower case, "*ing" for an ending, "the_time" for
// words in a row (behind a carrier only), marks such as ',', '0' for a digit, '^' for
// the beginning of a sentence (before), '$' for the end of a paragraph (behind).
//
// Forms begin with a letter, have 3 to 40 bytes, single spaces and no mark other
// than ' - , . ! and :. In text the first letter may be upper case, and an
// apostrophe may be curly; the form that is planted follows, and so does "a" or "an"
// before it, unless the book has no articles or the carrier's classes name another
// language than English.
//
// Read refuses forms that cannot be told apart, that stand in two carriers or that
// could overlap in a text, unless guards keep them apart. Where a guard looks at a
// word that a neighbouring carrier changes, neither answer would be right: the
// carrier is then no use next to that neighbour.
//
// # Determinism
//
// The bytes that come out of a Planter depend on the answer, the prompt, the class,
// the book and the keys, and not on how the answer was cut into pieces. The parser
// has a version, which the book names; its behaviour under that name never changes.
package canary
