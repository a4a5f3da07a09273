package evidence

// A MeasuredEffect is what one real student showed in one test.
type MeasuredEffect struct {
	Test   string  // G1, G2, R1 … R4h
	Access string  // what the test asks of the suspect
	Text   string  // what was read or written
	D      float64 // z/√n, in standard deviations of the null law a scored token
	Scored int     // n
}

const (
	writes  = "its own answers"
	served  = "answers that it was trained on"
	unseen  = "new answers under the same key"
	covered = "new answers under the same key, windows of served ones"

	byText   = "text"
	byPrefix = "continuations of a prefix"
	byTop    = "20 log-probabilities"
)

// MeasuredEffects returns what was measured on one student, for planning. It is a
// point, not a law: a language model of 135 million parameters, fine-tuned in full
// for two epochs on 230 answers (41,451 tokens) of a teacher of the same weights
// under a Gumbel mark of window 2, at full dose, read against its own base. Larger
// models, other doses, wider windows and adapters differ; so do effects of
// 0.01 and less that are reported for windows of 3 and reasoning traces.
//
// R4 takes √q − √q⁰ unless it says otherwise. G tests score a (window, token) pair once,
// R tests a window once.
func MeasuredEffects() []MeasuredEffect {
	return []MeasuredEffect{
		{"R1", byPrefix, served, 0.419, 6238},
		{"R2", byPrefix, served, 0.273, 6238},
		{"R3", byTop, served, 0.394, 6238},
		{"R4 difference", byTop, served, 0.867, 6238},
		{"R4", byTop, served, 0.954, 6238},
		{"R4h", byTop, served, 0.701, 6238},
		{"R1", byPrefix, unseen, 0.0382, 6518},
		{"R2", byPrefix, unseen, 0.0222, 6518},
		{"R3", byTop, unseen, 0.0437, 6518},
		{"R4 difference", byTop, unseen, 0.148, 6518},
		{"R4", byTop, unseen, 0.149, 6518},
		{"R4h", byTop, unseen, 0.0723, 6518},
		{"R1", byPrefix, covered, 0.114, 2365},
		{"R4", byTop, covered, 0.386, 2365},
		{"G1", byText, writes, 0.0349, 19719},
		{"G2", byText, writes, 0.0686, 9673},
	}
}
