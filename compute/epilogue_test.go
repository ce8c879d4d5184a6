package compute

import (
	"math"
	"slices"
	"testing"
)

// TestMatMulEpilogue: an epilogue gives the same bits as the separate operation on the product.
func TestMatMulEpilogue(t *testing.T) {
	eachPath(t, func(_ *testing.T, k *kernels) { matMulEpilogue(k) })
}

func TestMatMulEpilogueBF16(t *testing.T) {
	eachBF16(t, func(_ *testing.T, k *kernels) { matMulEpilogue(k) })
}

func matMulEpilogue(k *kernels) {
	equal := func(got, want Buffer) bool {
		return slices.EqualFunc(got.Host(), want.Host(), func(a, b float32) bool {
			return math.Float32bits(a) == math.Float32bits(b)
		})
	}
	for _, size := range [][3]int{{1, 1, 1}, {5, 3, 0}, {13, 33, 17}, {64, 192, 64}, {205, 600, 40}, {70, 40, 1100}} {
		m, n, depth := size[0], size[1], size[2]
		for mode := range 4 {
			transA, transB := mode&1 > 0, mode&2 > 0
			a, b, x := k.normal(m*depth, 1), k.normal(depth*n, 1), k.normal(m*n, 1)
			product, want := k.poison(m*n), k.poison(m*n)
			k.MatMul(product, a, b, m, n, depth, transA, transB, false)
			for f := GELU; f <= Identity; f++ {
				check := func(where string, got, want Buffer) {
					if !equal(got, want) {
						k.Fatalf("%v, transposed %v and %v: activation %d %s differs", size, transA, transB, f, where)
					}
				}
				c, y := k.poison(m*n), k.poison(m*n)
				keep, kept := k.poison(m*n), k.poison(m*n)
				k.Activate(f, want, Buffer{}, product)
				k.Activate(f, y, keep, product)
				check("where something is kept", y, want)
				k.MatMulEpilogue(c, a, b, m, n, depth, transA, transB, Epilogue{F: f, Y: y, Kept: kept})
				check("that keeps", y, want)
				check("kept", kept, keep)
				k.MatMulEpilogue(c, a, b, m, n, depth, transA, transB, Epilogue{F: f, Y: y, Kept: c})
				check("that keeps in its place", y, want)
				check("kept in its place", c, keep)
				k.MatMulEpilogue(c, a, b, m, n, depth, transA, transB, Epilogue{F: f, Y: c, Kept: kept})
				check("in its place, that keeps", c, want)
				check("kept beside its place", kept, keep)
				k.MatMulEpilogue(c, a, b, m, n, depth, transA, transB, Epilogue{F: f, Y: y})
				check("before it", c, product)
				check("of it", y, want)
				k.MatMulEpilogue(c, a, b, m, n, depth, transA, transB, Epilogue{F: f, Y: c})
				check("in its place", c, want)

				c, y = k.poison(m*n), k.poison(m*n)
				k.ActivateGrad(f, want, product, x)
				k.MatMulEpilogue(c, a, b, m, n, depth, transA, transB, Epilogue{F: f, Grad: true, Y: y, Kept: x})
				check("gradient before it", c, product)
				check("gradient", y, want)
				k.MatMulEpilogue(c, a, b, m, n, depth, transA, transB, Epilogue{F: f, Grad: true, Y: c, Kept: x})
				check("gradient in its place", c, want)
				k.Upload(y, x.Host())
				k.MatMulEpilogue(c, a, b, m, n, depth, transA, transB, Epilogue{F: f, Grad: true, Y: y, Kept: y})
				check("gradient in place of what was kept", y, want)
			}
		}
	}
}
