package lottery

import "math"

const (
	// fitTol is the largest error of a count that makes weights exact.
	fitTol = 1e-10
	// fitGood is the error that is accepted where no smaller one is reached.
	fitGood = 1e-9
	// fitSteps bounds the steps; two or three are usual.
	fitSteps = 40
)

// fit looks for weights > 0 of the cohorts, in sum 1, whose mean is x. It
// starts from equal weights and takes interior steps: each is the correction
// of the least norm relative to the weights,
//
//	λ ← λ + α·D·Aᵀ·u   with   (A·D·Aᵀ)·u = (x,1) − A·λ,  D = diag(λ²)
//
// found by conjugate gradients, with α ≤ 1 such that the weights stay positive.
// It returns the weights with the smallest error seen, and that error: the
// largest difference of a count, in people.
func fit(list []cohort, x []float64) (best []float64, worst float64) {
	T, n := len(x), len(list)
	lambda := make([]float64, n)
	for j := range lambda {
		lambda[j] = 1 / float64(n)
	}
	best, worst = make([]float64, n), math.Inf(1)
	m := T + 1
	vec := func() []float64 { return make([]float64, m) }
	res, u, rest, z, img, dir, diag := vec(), vec(), vec(), vec(), vec(), vec(), vec()
	d, g := make([]float64, n), make([]float64, n)
	// times is A·v, transposed is Aᵀ·v.
	times := func(v, out []float64) {
		clear(out)
		for j := range list {
			c, f := &list[j], v[j]
			for k, t := range c.types {
				out[t] += float64(float64(c.counts[k]) * f)
			}
			out[T] += f
		}
	}
	transposed := func(v, out []float64) {
		for j := range list {
			c := &list[j]
			sum := v[T]
			for k, t := range c.types {
				sum += float64(float64(c.counts[k]) * v[t])
			}
			out[j] = sum
		}
	}
	worse := 0
	for step := 0; step <= fitSteps; step++ {
		times(lambda, res)
		largest := 0.0
		for t := range x {
			res[t] = x[t] - res[t]
			largest = max(largest, math.Abs(res[t]))
		}
		res[T] = 1 - res[T]
		largest = max(largest, math.Abs(res[T]))
		if largest < worst {
			worst = largest
			copy(best, lambda)
		} else if step > 8 {
			worse++
		}
		if largest < fitTol || worse > 3 {
			break
		}
		clear(diag)
		for j := range list {
			d[j] = lambda[j] * lambda[j]
			c := &list[j]
			for k, t := range c.types {
				v := float64(c.counts[k])
				diag[t] += float64(v * v * d[j])
			}
			diag[T] += d[j]
		}
		copy(rest, res)
		norm := 0.0
		for i := range u {
			u[i] = 0
			if diag[i] == 0 {
				diag[i] = 1
			}
			z[i] = rest[i] / diag[i]
			dir[i] = z[i]
			norm += float64(rest[i] * z[i])
		}
		first := norm
		for k := 0; k < 1000 && norm > 1e-10*first; k++ {
			transposed(dir, g)
			for j := range g {
				g[j] *= d[j]
			}
			times(g, img)
			curve := 0.0
			for i := range u {
				curve += float64(dir[i] * img[i])
			}
			if curve <= 0 {
				break
			}
			a, next := norm/curve, 0.0
			for i := range u {
				u[i] += float64(a * dir[i])
				rest[i] -= float64(a * img[i])
				z[i] = rest[i] / diag[i]
				next += float64(rest[i] * z[i])
			}
			for i := range dir {
				dir[i] = z[i] + float64(next/norm*dir[i])
			}
			norm = next
		}
		transposed(u, g)
		alpha := 1.0
		for j := range g {
			g[j] *= d[j]
			if g[j] < 0 {
				alpha = min(alpha, -0.95*lambda[j]/g[j])
			}
		}
		for j := range g {
			lambda[j] += float64(alpha * g[j])
		}
	}
	return best, worst
}
