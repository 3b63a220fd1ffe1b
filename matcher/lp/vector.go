package lp

// Four sums, added in a fixed order, keep the processor busy: a single one
// would wait for each addition.

// subtract takes f times line from row and returns the squared norm of what is
// left.
func subtract(row, line []float64, f float64) float64 {
	var s0, s1, s2, s3 float64
	t := 0
	for ; t+4 <= len(line) && t+4 <= len(row); t += 4 {
		a, b := row[t:t+4:t+4], line[t:t+4:t+4]
		x0 := a[0] - float64(f*b[0])
		x1 := a[1] - float64(f*b[1])
		x2 := a[2] - float64(f*b[2])
		x3 := a[3] - float64(f*b[3])
		a[0], a[1], a[2], a[3] = x0, x1, x2, x3
		s0 += float64(x0 * x0)
		s1 += float64(x1 * x1)
		s2 += float64(x2 * x2)
		s3 += float64(x3 * x3)
	}
	for ; t < len(line); t++ {
		x := row[t] - float64(f*line[t])
		row[t] = x
		s0 += float64(x * x)
	}
	return (s0 + s1) + (s2 + s3)
}

// square is the squared norm of a.
func square(a []float64) float64 {
	var s0, s1, s2, s3 float64
	t := 0
	for ; t+4 <= len(a); t += 4 {
		b := a[t : t+4 : t+4]
		s0 += float64(b[0] * b[0])
		s1 += float64(b[1] * b[1])
		s2 += float64(b[2] * b[2])
		s3 += float64(b[3] * b[3])
	}
	for ; t < len(a); t++ {
		s0 += float64(a[t] * a[t])
	}
	return (s0 + s1) + (s2 + s3)
}

// dot is the inner product of a and b, of the same length.
func dot(a, b []float64) float64 {
	var s0, s1, s2, s3 float64
	t := 0
	for ; t+4 <= len(a) && t+4 <= len(b); t += 4 {
		x, y := a[t:t+4:t+4], b[t:t+4:t+4]
		s0 += float64(x[0] * y[0])
		s1 += float64(x[1] * y[1])
		s2 += float64(x[2] * y[2])
		s3 += float64(x[3] * y[3])
	}
	for ; t < len(a); t++ {
		s0 += float64(a[t] * b[t])
	}
	return (s0 + s1) + (s2 + s3)
}

// take subtracts f times line from row, of the same length.
func take(row, line []float64, f float64) {
	t := 0
	for ; t+4 <= len(line) && t+4 <= len(row); t += 4 {
		a, b := row[t:t+4:t+4], line[t:t+4:t+4]
		a[0] -= float64(f * b[0])
		a[1] -= float64(f * b[1])
		a[2] -= float64(f * b[2])
		a[3] -= float64(f * b[3])
	}
	for ; t < len(line); t++ {
		row[t] -= float64(f * line[t])
	}
}
