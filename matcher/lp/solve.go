package lp

// Solve makes dual simplex pivots until the basis is optimal, the model shows
// to be infeasible, the objective exceeds the cut-off, or limit pivots have
// been made. It always returns: every pivot counts against a bound, and a
// factorization is only repeated after a pivot.
func (s *Solver) Solve(cutoff float64, limit int64) Status {
	limit = min(limit, s.maxPivots())
	patience := int64(s.m + 200)
	var made, best int64
	highest := s.z
	s.active = s.active[:0]
	for j := range s.n {
		if s.lower[j] < s.upper[j] {
			s.active = append(s.active, int32(j))
		}
	}
	for {
		if s.since >= refactorEvery {
			s.refactor()
		}
		if s.z > cutoff && s.noise == nil {
			return Cutoff
		}
		r := s.leaving()
		if r < 0 {
			if s.noise != nil {
				s.calm()
				patience = limit // no second time
				continue
			}
			if s.since > 0 && s.residual() > residualTol {
				s.refactor()
				continue
			}
			return Optimal
		}
		if made >= limit || (made&127 == 127 && s.Interrupt != nil && s.Interrupt()) {
			s.calm()
			return Limit
		}
		if s.z > highest+dualTol*10 {
			highest, best = s.z, made
		} else if made-best > patience && s.noise == nil {
			s.perturb()
			best = made
			continue
		}
		switch s.pivot(r) {
		case pivoted:
			made++
			s.pivots++
		case unbounded:
			if s.since > 0 {
				s.refactor()
				continue
			}
			s.calm()
			return Infeasible
		case drifted:
			s.refactor()
		case stuck:
			s.calm()
			return Limit
		}
	}
}

// perturb shifts the costs by tiny amounts, the same ones every time, to leave
// a vertex with many ties.
func (s *Solver) perturb() {
	s.noise = make([]float64, s.n)
	state := uint64(0x9E3779B97F4A7C15)
	for j := range s.noise {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		s.noise[j] = float64(state>>11) / (1 << 53) * 1e-7
	}
	s.refactor()
}

// calm takes the shift of the costs back.
func (s *Solver) calm() {
	if s.noise != nil {
		s.noise = nil
		s.recompute()
	}
}

// residual is the largest error of a row: its value by the columns against
// that of its logical.
func (s *Solver) residual() float64 {
	b := s.scratch
	clear(b)
	for j := range s.n {
		x := s.Value(j)
		if x == 0 {
			continue
		}
		s.addColumn(b, j, x)
	}
	worst := 0.0
	for k, v := range b {
		worst = max(worst, abs(v-s.Value(s.n+k)))
	}
	return worst
}

// leaving is the position of the basic variable to leave: the largest
// violation by dual steepest edge, −1 if none is violated.
func (s *Solver) leaving() int {
	r, best := -1, 0.0
	tolerance := s.Tolerance
	for i, h := range s.head {
		x := s.xB[i]
		v := s.lower[h] - x
		if v <= tolerance {
			if v = x - s.upper[h]; v <= tolerance {
				continue
			}
		}
		if score := v * v; score > float64(best*s.norm[i]) {
			r, best = i, score/s.norm[i]
		}
	}
	return r
}

type outcome uint8

const (
	pivoted   outcome = iota
	unbounded         // the dual is: nothing can enter
	drifted           // the inverse has lost accuracy and was not used
	stuck             // no usable pivot even on a fresh inverse
)

// pivot takes the variable at position r out of the basis.
func (s *Solver) pivot(r int) outcome {
	h := int(s.head[r])
	sign, bound, slope := 1.0, s.upper[h], s.xB[r]-s.upper[h]
	if s.xB[r] < s.lower[h] {
		sign, bound, slope = -1, s.lower[h], s.lower[h]-s.xB[r]
	}
	s.pivotRow(r, sign)
	entering := s.ratioTest(slope)
	if entering < 0 {
		for k, v := range s.rho {
			s.ray[k] = sign * v
		}
		return unbounded
	}
	q := int(s.alphaJ[entering])
	s.column(q)
	pivot := s.aq[r]
	if diff := abs(pivot - s.alphaV[entering]); s.since > 0 && (diff > driftTol*(1+abs(pivot)) || abs(pivot) < 10*pivotTol) {
		return drifted
	}
	if abs(pivot) < pivotTol/10 {
		return stuck
	}

	if len(s.flips) > 0 {
		for _, j32 := range s.flips {
			j := int(j32)
			t := float64(s.side[j] * (s.upper[j] - s.lower[j]))
			s.side[j] = -s.side[j]
			s.z += float64(s.d[j] * t)
			s.addColumn(s.shift, j, t)
		}
		s.applyShift()
	}
	step := (s.xB[r] - bound) / pivot
	dual := s.d[q] / pivot
	s.z += float64(s.d[q] * step)
	value := s.at(q) + step
	if dual != 0 {
		for t, j := range s.alphaJ[:s.nonzeros] {
			s.d[j] -= float64(dual * s.alphaV[t])
		}
	}
	s.d[q], s.d[h] = 0, -dual
	s.where[h], s.where[q] = -1, int32(r)
	s.side[h] = -sign
	s.head[r] = int32(q)
	for i, a := range s.aq {
		if a != 0 {
			s.xB[i] -= float64(a * step)
		}
	}
	s.xB[r] = value
	s.update(r, h, q, pivot)
	s.since++
	return pivoted
}

// pivotRow computes the row of the tableau at position r, for every nonbasic
// variable that can move and for every nonbasic logical, and the candidates
// to enter.
func (s *Solver) pivotRow(r int, sign float64) {
	rho := s.rho
	clear(rho)
	for t, v := range s.row(r)[:len(s.slotRow)] {
		rho[s.slotRow[t]] = v
	}
	if h := int(s.head[r]); h >= s.n {
		rho[h-s.n] = -1
	}
	nonzeros := 0
	s.cand = s.cand[:0]
	for _, j := range s.active {
		if s.where[j] >= 0 {
			continue
		}
		var a, b float64
		index := s.index[s.start[j]:s.start[j+1]]
		if s.ones[j] {
			for len(index) >= 4 {
				a += rho[index[0]] + rho[index[1]]
				b += rho[index[2]] + rho[index[3]]
				index = index[4:]
			}
			for _, k := range index {
				a += rho[k]
			}
			a += b
		} else {
			value := s.value[s.start[j]:s.start[j+1]]
			for t, k := range index {
				a += float64(rho[k] * value[t])
			}
		}
		if a == 0 {
			continue
		}
		s.alphaJ[nonzeros], s.alphaV[nonzeros] = j, a
		if a *= sign * s.side[j]; a > pivotTol {
			s.cand = append(s.cand, candidate{max(0, s.d[j]*s.side[j]) / a, int32(nonzeros)})
		}
		nonzeros++
	}
	for _, k := range s.slotRow {
		a := -rho[k]
		if a == 0 {
			continue
		}
		j := s.n + int(k)
		s.alphaJ[nonzeros], s.alphaV[nonzeros] = int32(j), a
		if a *= sign * s.side[j]; a > pivotTol && s.lower[j] < s.upper[j] {
			s.cand = append(s.cand, candidate{max(0, s.d[j]*s.side[j]) / a, int32(nonzeros)})
		}
		nonzeros++
	}
	s.nonzeros = nonzeros
}

// reach is how much the slope of the dual objective falls when it passes the
// breakpoint of a candidate.
func (s *Solver) reach(c candidate) float64 {
	j := s.alphaJ[c.at]
	return float64(abs(s.alphaV[c.at]) * (s.upper[j] - s.lower[j]))
}

// ratioTest walks the breakpoints of the dual objective along the pivot row
// (the bound-flipping ratio test): a variable whose breakpoint is passed flips
// to its other bound, the first one that stops the ascent enters. It fills
// flips and returns where in the pivot row the entering variable is, or −1 if
// nothing stops the ascent.
func (s *Solver) ratioTest(slope float64) int {
	s.flips = s.flips[:0]
	room := 0.0
	for _, c := range s.cand {
		room += s.reach(c)
	}
	if room < slope-s.Tolerance {
		return -1
	}
	left := s.cand
	last := -1
	// Few breakpoints are passed as a rule: look for the nearest one by one,
	// and only then order the rest.
	for pass := 0; len(left) > 0; pass++ {
		if pass < 4 {
			nearest := 0
			for i := range left {
				if s.before(left[i], left[nearest]) {
					nearest = i
				}
			}
			left[0], left[nearest] = left[nearest], left[0]
		} else {
			if pass == 4 {
				for i := len(left)/2 - 1; i >= 0; i-- {
					s.sift(left, i)
				}
			} else {
				s.sift(left, 0)
			}
		}
		c := left[0]
		next := slope - s.reach(c)
		if next <= s.Tolerance/10 {
			return s.largest(c, left)
		}
		slope = next
		last = int(c.at)
		s.flips = append(s.flips, s.alphaJ[c.at])
		if pass < 4 {
			left = left[1:]
		} else {
			left[0] = left[len(left)-1]
			left = left[:len(left)-1]
		}
	}
	// Rounding only: the room was enough, so the last one enters.
	if last >= 0 {
		s.flips = s.flips[:len(s.flips)-1]
	}
	return last
}

// largest is, among the candidates whose breakpoint is as good as that of c,
// the one with the largest pivot, where that is much larger.
func (s *Solver) largest(c candidate, left []candidate) int {
	best, size := c.at, 2*abs(s.alphaV[c.at])
	if size >= 1 {
		return int(best)
	}
	for _, o := range left {
		if o.ratio <= c.ratio+dualTol {
			if a := abs(s.alphaV[o.at]); a > size {
				best, size = o.at, a
			}
		}
	}
	return int(best)
}

// before orders candidates by breakpoint, then the larger pivot, then the
// lower index, so that the order never depends on how they were collected.
func (s *Solver) before(a, b candidate) bool {
	if a.ratio != b.ratio {
		return a.ratio < b.ratio
	}
	if x, y := abs(s.alphaV[a.at]), abs(s.alphaV[b.at]); x != y {
		return x > y
	}
	return s.alphaJ[a.at] < s.alphaJ[b.at]
}

func (s *Solver) sift(h []candidate, i int) {
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && s.before(h[c+1], h[c]) {
			c++
		}
		if !s.before(h[c], h[i]) {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}

// column computes inverse × column q.
func (s *Solver) column(q int) {
	aq := s.aq
	if q >= s.n {
		t := int(s.slot[q-s.n])
		for i := range aq {
			aq[i] = -s.entry[i*s.stride+t]
		}
		return
	}
	slots, values := s.colS[:0], s.colV[:0]
	clear(aq)
	for k := s.start[q]; k < s.start[q+1]; k++ {
		row := int(s.index[k])
		if t := s.slot[row]; t >= 0 {
			slots = append(slots, t)
			values = append(values, s.value[k])
		} else {
			aq[s.where[s.n+row]] -= s.value[k]
		}
	}
	s.colS, s.colV = slots, values
	for i := range aq {
		row := s.row(i)
		sum := aq[i]
		if s.ones[q] {
			for _, t := range slots {
				sum += row[t]
			}
		} else {
			for k, t := range slots {
				sum += float64(row[t] * values[k])
			}
		}
		aq[i] = sum
	}
}

// update replaces variable h by q at position r of the inverse.
func (s *Solver) update(r, h, q int, pivot float64) {
	if h >= s.n {
		s.addSlot(h-s.n, r)
	}
	slots := len(s.slotRow)
	line := s.row(r)[:slots]
	scale := 1 / pivot
	for t := range line {
		line[t] *= scale
	}
	s.norm[r] = square(line)
	for i, f := range s.aq {
		if i == r || (f < 1e-13 && f > -1e-13) {
			continue
		}
		sum := subtract(s.row(i)[:slots], line, f)
		if int(s.head[i]) >= s.n {
			sum++
		}
		s.norm[i] = sum
	}
	if q >= s.n {
		s.dropSlot(q - s.n)
		s.norm[r] = s.rowNorm(r)
	}
}
