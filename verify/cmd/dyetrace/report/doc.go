// Package report writes what package verify found as one HTML file that people like to
// read: the finding in plain words, then tables and plots, then how to make every figure
// again. The file needs no network and no script, follows the reader's light or dark
// theme, and prints.
//
// A [Source] with a Report alone gives the page what the report holds. What it was made
// of beside, from [FromBundle] or from a judgement that somebody listened to
// (verify.Case.Detail), adds curves of evidence, decoy keys one by one, every cell of
// canaries, marked texts and the checks of the bundle.
//
// Everything that somebody else chose (names, answers, reasons) is escaped, and what is
// not printable in it is shown as Go quotes strings: a suspect's answer cannot change
// the page. Equal sources have equal pages, byte for byte.
package report
