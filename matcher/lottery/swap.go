package lottery

import (
	"cmp"
	"slices"
)

// Choices of the search by swaps.
const (
	// swapStarts is how many known cohorts are looked at, those that weigh most.
	swapStarts = 120
	// swapSteps is how often one of them is changed at most.
	swapSteps = 8
	// swapFound is how many cohorts one search returns at most.
	swapFound = 24
)

// swaps looks for cohorts that weigh more than the level, whose weight is mu,
// near those that are known: one person of one type for one of another, as long
// as that gains. Known cohorts of the basis weigh mu exactly, so that any swap
// that gains and keeps every row makes one that helps. It proves nothing when
// it finds none.
func (m *master) swaps(weight []float64, mu float64) []cohort {
	if m.swapper == nil {
		m.swapper = &swapper{engine: m.engine}
	}
	return m.swapper.search(weight, mu, m.columns)
}

// swapper holds what searches by swaps share.
type swapper struct {
	*engine
	rows   int       // for which dense was made
	dense  []int32   // by type and row: the entry
	x      []int64   // the point that is changed
	act    []int64   // by row: its value at the point
	lo, hi []int64   // sides of the rows
	order  []int32   // types by weight, the largest first
	lost   []int32   // rows that fall short when somebody leaves
	value  []float64 // by start
	starts []int32
}

func (s *swapper) search(weight []float64, mu float64, known []cohort) []cohort {
	s.prepare(weight)
	s.starts, s.value = s.starts[:0], s.value[:0]
	for k := range known {
		c := &known[k]
		sum := 0.0
		for i, t := range c.types {
			sum += float64(weight[t] * float64(c.counts[i]))
		}
		s.value = append(s.value, sum)
		if s.T < len(s.engine.lo) && c.rest == nil {
			continue
		}
		s.starts = append(s.starts, int32(k))
	}
	slices.SortFunc(s.starts, func(a, b int32) int {
		return cmp.Or(cmp.Compare(s.value[b], s.value[a]), int(b-a))
	})
	type better struct {
		cohort
		value float64
	}
	var list []better
	least := mu + swapGain
	for _, k := range s.starts[:min(len(s.starts), swapStarts)] {
		if !s.begin(&known[k]) {
			continue
		}
		sum := s.value[k]
		for range swapSteps {
			gain := s.improve(weight)
			if gain <= 0 {
				break
			}
			sum += gain
		}
		if sum > least && !s.problem.breaks(s.x) {
			list = append(list, better{newCohort(s.x, s.T), sum})
		}
	}
	slices.SortStableFunc(list, func(a, b better) int { return cmp.Compare(b.value, a.value) })
	var found []cohort
	for _, b := range list {
		if len(found) < swapFound && s.pool.add(b.cohort) {
			found = append(found, b.cohort)
		}
	}
	return found
}

// swapGain is the least gain, as a chance, that makes a cohort worth having.
const swapGain = 1e-6

func (s *swapper) prepare(weight []float64) {
	R := len(s.Rows)
	if s.rows != R {
		s.rows = R
		s.dense = make([]int32, s.T*R)
		for t := range s.T {
			for k, i := range s.system.rows[t] {
				s.dense[t*R+int(i)] = int32(s.values[t][k])
			}
		}
		s.act = make([]int64, R)
	}
	s.lo, s.hi = s.lo[:0], s.hi[:0]
	for i := range s.Rows {
		s.lo, s.hi = append(s.lo, s.Rows[i].Lo), append(s.hi, s.Rows[i].Hi)
	}
	s.order = s.order[:0]
	for t := range s.T {
		if s.Lower[t] < s.Upper[t] {
			s.order = append(s.order, int32(t))
		}
	}
	slices.SortFunc(s.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(weight[b], weight[a]), int(a-b))
	})
}

// begin starts from a cohort. It returns false if that lies outside of what
// has been proved since it was found, which cannot be.
func (s *swapper) begin(c *cohort) bool {
	s.x = append(s.x[:0], make([]int64, len(s.engine.lo))...)
	for k, t := range c.types {
		s.x[t] = c.counts[k]
	}
	copy(s.x[s.T:], c.rest)
	clear(s.act)
	for j, v := range s.x {
		if v != 0 {
			for k, i := range s.system.rows[j] {
				s.act[i] += v * int64(s.values[j][k])
			}
		}
	}
	for i, a := range s.act {
		if a < s.lo[i] || a > s.hi[i] {
			return false
		}
	}
	return true
}

// improve makes the swap that gains most and keeps every row; it returns the
// gain, 0 if there is none.
func (s *swapper) improve(weight []float64) float64 {
	bestOut, bestIn, best := int32(-1), int32(-1), 1e-12
	R := s.rows
	for t := range s.T {
		if s.x[t] == s.Lower[t] || s.Lower[t] == s.Upper[t] {
			continue
		}
		s.lost = s.lost[:0]
		for k, i := range s.system.rows[t] {
			s.act[i] -= int64(s.values[t][k])
			if s.act[i] < s.lo[i] {
				s.lost = append(s.lost, i)
			}
		}
	next:
		for _, u := range s.order {
			gain := weight[u] - weight[t]
			if gain <= best {
				break
			}
			if s.x[u] == s.Upper[u] || int(u) == t {
				continue
			}
			line := s.dense[int(u)*R : (int(u)+1)*R]
			for _, i := range s.lost {
				if s.act[i]+int64(line[i]) < s.lo[i] {
					continue next
				}
			}
			for k, i := range s.system.rows[u] {
				if s.act[i]+int64(s.values[u][k]) > s.hi[i] {
					continue next
				}
			}
			bestOut, bestIn, best = int32(t), u, gain
			break
		}
		for k, i := range s.system.rows[t] {
			s.act[i] += int64(s.values[t][k])
		}
	}
	if bestIn < 0 {
		return 0
	}
	s.x[bestOut]--
	s.x[bestIn]++
	for k, i := range s.system.rows[bestOut] {
		s.act[i] -= int64(s.values[bestOut][k])
	}
	for k, i := range s.system.rows[bestIn] {
		s.act[i] += int64(s.values[bestIn][k])
	}
	return best
}
