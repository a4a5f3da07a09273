package evidence_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dyetrace/dyetrace/verify/evidence"
)

// Mutants killed in this file, each by the test in brackets: leaves counted
// without those of grandchildren, inner nodes counted as leaves, children tested
// under parents that were kept, Others left out [HierarchicalByHand]; α × leaves
// under it / leaves under the parent, Holm inside each parent
// [HolmInsideParentsConvicts]; k one off, n without Others, the step-down for the
// step-up [EBHByHand]; p for e [EBHHoldsItsRate].

// A vendor with two epochs; epoch 1 has three accounts, epoch 2 is a leaf. Nodes
// are listed out of order.
func TestHierarchicalByHand(t *testing.T) {
	const account1, epoch2, vendor, account2, epoch1, account3 = 0, 1, 2, 3, 4, 5
	parents := []int{epoch1, vendor, -1, epoch1, vendor, epoch1}
	logP := logs(0.002, 1e-9, 0.04, 0.0126, 0.03, 1e-30)
	got, err := evidence.Family{Alpha: 0.05}.Hierarchical(parents, logP)
	require.NoError(t, err)
	want := map[int]float64{
		vendor:   0.04,       // 4 of 4 leaves
		epoch1:   0.04,       // 0.03·4/3
		epoch2:   0.04,       // 4e-9, and no less than the vendor
		account1: 0.04,       // 0.002·4
		account2: 0.0126 * 4, // above Alpha
		account3: 0.04,
	}
	for node, p := range want {
		assert.InEpsilon(t, p, math.Exp(got[node].LogP), 1e-12, "node %d", node)
		assert.Equal(t, p <= 0.05, got[node].Rejected, "node %d", node)
	}
	// Two earlier tests on the suspect count as two more leaves: now the vendor
	// fails, and with it everything.
	got, err = evidence.Family{Alpha: 0.05, Others: 2}.Hierarchical(parents, logP)
	require.NoError(t, err)
	assert.InEpsilon(t, 0.06, math.Exp(got[vendor].LogP), 1e-12)
	for node := range parents {
		assert.False(t, got[node].Rejected, "node %d", node)
	}
	// A void epoch keeps its accounts from being tested.
	logP[epoch1] = nan
	got, err = evidence.Family{Alpha: 0.05}.Hierarchical(parents, logP)
	require.NoError(t, err)
	assert.Equal(t, evidence.Decision{}, got[account3])
	assert.True(t, got[epoch2].Rejected)
	// Roots only: Bonferroni.
	got, err = evidence.Family{Alpha: 0.05}.Hierarchical([]int{-1, -1}, logs(0.02, 0.03))
	require.NoError(t, err)
	assert.Equal(t, []bool{true, false}, []bool{got[0].Rejected, got[1].Rejected})
}

// TestHolmInsideParentsConvicts: 20 guilty cohorts of 8 accounts, one of them
// guilty. Holm inside each rejected parent convicts a clean account in most runs;
// the hierarchical rule in at most α of them, and finds the guilty ones all the
// same. 2,000 runs; α + 4.75 standard errors.
func TestHolmInsideParentsConvicts(t *testing.T) {
	const runs, alpha, cohorts, accounts = 2000, 0.05, 20, 8
	rng := rand.New(rand.NewPCG(41, 1))
	parents := make([]int, cohorts, cohorts*(1+accounts))
	for c := range cohorts {
		parents[c] = -1
		for range accounts {
			parents = append(parents, c)
		}
	}
	guilty := func(i int) bool { return i < cohorts || (i-cohorts)%accounts == 0 }
	errs, forbidden, found := 0, 0, 0
	family := evidence.Family{Alpha: alpha}
	for range runs {
		logP := make([]float64, len(parents))
		for i := range logP {
			logP[i] = math.Log(rng.Float64())
			if guilty(i) {
				logP[i] -= 12
			}
		}
		decisions, err := family.Hierarchical(parents, logP)
		require.NoError(t, err)
		wrong := false
		for i, d := range decisions {
			if d.Rejected && !guilty(i) {
				wrong = true
			}
			if d.Rejected && guilty(i) && i >= cohorts {
				found++
			}
		}
		if wrong {
			errs++
		}
		wrong = false
		for c := range cohorts {
			inside, err := family.Holm(logP[cohorts+c*accounts : cohorts+(c+1)*accounts])
			require.NoError(t, err)
			for i, d := range inside {
				wrong = wrong || d.Rejected && i > 0
			}
		}
		if wrong {
			forbidden++
		}
	}
	t.Logf("clean accounts convicted: %.3f of runs, inside parents %.3f; guilty found %.3f", float64(errs)/runs, float64(forbidden)/runs, float64(found)/runs/cohorts)
	assert.LessOrEqual(t, float64(errs)/runs, alpha+4.75*math.Sqrt(alpha*(1-alpha)/runs))
	assert.Greater(t, float64(forbidden)/runs, 0.5)
	assert.Greater(t, float64(found)/runs/cohorts, 0.95)
}

// TestHierarchicalHoldsEverywhere: with p-values that depend on each other as those
// of pooled text do, on trees of random shape and random guilt, the rate holds:
// 4,000 runs, one tree each.
func TestHierarchicalHoldsEverywhere(t *testing.T) {
	const runs, alpha = 4000, 0.1
	rng := rand.New(rand.NewPCG(42, 1))
	errs := 0
	for range runs {
		n := 2 + rng.IntN(30)
		parents, clean, logP := make([]int, n), make([]bool, n), make([]float64, n)
		common := rng.Float64()
		for i := range n {
			parents[i] = rng.IntN(i+1) - 1
			clean[i] = rng.IntN(3) == 0
			if q := parents[i]; q >= 0 {
				clean[i] = clean[i] || clean[q]
			}
			logP[i] = math.Log(rng.Float64())
			if rng.IntN(2) == 0 {
				logP[i] = math.Log(common)
			}
			if !clean[i] {
				logP[i] -= 20
			}
		}
		decisions, err := evidence.Family{Alpha: alpha}.Hierarchical(parents, logP)
		require.NoError(t, err)
		for i, d := range decisions {
			if d.Rejected && clean[i] {
				errs++
				break
			}
		}
	}
	assert.LessOrEqual(t, float64(errs)/runs, alpha+4.75*math.Sqrt(alpha*(1-alpha)/runs))
	assert.Greater(t, float64(errs)/runs, alpha/4, "a rule that rejects nothing holds too")
}

// FuzzHierarchical: parents of any kind are refused or decided on, downward.
func FuzzHierarchical(f *testing.F) {
	f.Add([]byte{0, 1, 1, 2})
	f.Add([]byte{2, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		parents, logP := make([]int, len(data)), make([]float64, len(data))
		for i, b := range data {
			parents[i] = int(b) - 1
			logP[i] = -float64(b>>2^byte(i)*37) / 8
		}
		got, err := evidence.Family{Alpha: 0.05}.Hierarchical(parents, logP)
		if err != nil {
			return
		}
		for i, d := range got {
			assert.GreaterOrEqual(t, d.LogP, logP[i])
			assert.LessOrEqual(t, d.LogP, 0.0)
			if q := parents[i]; q >= 0 {
				assert.True(t, got[q].Rejected || !d.Rejected)
			}
		}
	})
}

func TestHierarchicalRefuses(t *testing.T) {
	check := func(parents []int, logP ...float64) error {
		_, err := evidence.Family{Alpha: 0.05}.Hierarchical(parents, logP)
		return err
	}
	assert.EqualError(t, check([]int{-1}, -1, -2), "evidence: there are 1 parents, want 2, one for each p-value")
	assert.EqualError(t, check([]int{-1, 2}, -1, -2), "evidence: parent of node 1 is 2, want -1 to 1")
	assert.EqualError(t, check([]int{-2}, -1), "evidence: parent of node 0 is -2, want -1 to 0")
	assert.EqualError(t, check([]int{-1, 1}, -1, -1), "evidence: node 1 is its own ancestor or below one")
	assert.EqualError(t, check([]int{1, 2, 0, -1}, -1, -1, -1, -1), "evidence: node 0 is its own ancestor or below one")
	assert.EqualError(t, check([]int{-1}, 1), "evidence: ln p of test 0 is 1, want at most 0")
	_, err := evidence.Family{}.Hierarchical(nil, nil)
	assert.ErrorContains(t, err, "alpha is 0")
	assert.NoError(t, check(nil))
}

func TestEBHByHand(t *testing.T) {
	// n = 5, α = 0.1: thresholds 50, 25, 16.7, 12.5, 10. The third fails its own,
	// the fourth passes and takes it along; the fifth fails.
	got, err := evidence.Family{Alpha: 0.1}.EBH(logs(13, 100, 15, 9, 26))
	require.NoError(t, err)
	for i, want := range []bool{true, true, true, false, true} {
		assert.Equal(t, want, got[i].Rejected, "test %d", i)
	}
	assert.InDelta(t, 0.05, math.Exp(got[1].LogP), 1e-12)      // 5/(1·100)
	assert.InDelta(t, 5./(4*13), math.Exp(got[2].LogP), 1e-12) // with the fourth
	assert.InDelta(t, 5./(5*9), math.Exp(got[3].LogP), 1e-12)
	got, err = evidence.Family{Alpha: 0.1, Others: 5}.EBH(logs(13, 101, 15, 9, 26))
	require.NoError(t, err)
	for i, want := range []bool{false, true, false, false, false} {
		assert.Equal(t, want, got[i].Rejected, "test %d", i)
	}
	got, err = evidence.Family{Alpha: 0.1}.EBH([]float64{nan, -inf, 5})
	require.NoError(t, err)
	assert.Equal(t, evidence.Decision{}, got[0])
	assert.Equal(t, evidence.Decision{}, got[1])
	assert.True(t, got[2].Rejected)
	_, err = evidence.Family{Alpha: 0.1}.EBH([]float64{inf})
	assert.EqualError(t, err, "evidence: ln e of test 0 is +Inf, want a finite number")
	_, err = evidence.Family{}.EBH(nil)
	assert.ErrorContains(t, err, "alpha is 0")
}

// TestEBHHoldsItsRate: 200 e-values that share half of their data, 150 of them
// null: the mean share of false rejections is at most α, in 2,000 runs and up to
// 4.75 standard errors.
func TestEBHHoldsItsRate(t *testing.T) {
	const runs, alpha = 2000, 0.1
	rng := rand.New(rand.NewPCG(43, 1))
	mean, square, found := 0.0, 0.0, 0
	for range runs {
		common := rng.NormFloat64()
		logE := make([]float64, 200)
		for i := range logE {
			z := math.Sqrt(0.5)*common + math.Sqrt(0.5)*rng.NormFloat64()
			if i < 50 {
				z += 4
			}
			logE[i] = 2.5*z - 2.5*2.5/2
		}
		got, err := evidence.Family{Alpha: alpha}.EBH(logE)
		require.NoError(t, err)
		wrong, all := 0, 0
		for i, d := range got {
			if d.Rejected {
				all++
				if i >= 50 {
					wrong++
				}
			}
		}
		share := float64(wrong) / float64(max(1, all))
		mean += share / runs
		square += share * share / runs
		found += all - wrong
	}
	t.Logf("false discovery rate %.4f, found %.3f", mean, float64(found)/runs/50)
	assert.LessOrEqual(t, mean, alpha+4.75*math.Sqrt(square/runs))
	assert.Greater(t, float64(found)/runs/50, 0.3)
}
