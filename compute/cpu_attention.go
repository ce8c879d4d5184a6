package compute

// #include "kernels.h"
import "C"

import "math"

// rope is what RoPE's tables depend on.
type rope struct {
	t, turn int
	theta   float32
}

// attention prepares the kernel's argument and sees that there is scratch enough; both are kept between calls.
func (c *CPU) attention(a Attention) C.oc_attention {
	o := C.oc_attention{B: C.long(a.B), T: C.long(a.T), H: C.long(a.H), KV: C.long(a.KV), E: C.long(a.E), extra: C.long(a.Keys() - a.T),
		mode: C.int(a.Weights), bias: C.float(a.Bias)}
	if a.Rope {
		table := c.rope(a)
		o.pairs, o.cosines, o.sines = C.long(a.Turn/2), f(table.Slice(0, table.n/2)), f(table.Slice(table.n/2, table.n))
	}
	if a.ALiBi {
		o.slopes = f(c.alibi(a.H))
	}
	if need := int(C.oc_attend_scratch(o)); need > len(c.scratch) {
		c.scratch = c.keep(need).Host()
	}
	return o
}

// rope tabulates cos and sin of t theta^(-2i/Turn), i < Turn/2 (arXiv 2104.09864).
func (c *CPU) rope(a Attention) Buffer {
	key := rope{a.T, a.Turn, a.Theta}
	if table, ok := c.ropes[key]; ok {
		return table
	}
	half := a.Turn / 2
	table := c.keep(2 * a.T * half)
	host := table.Host()
	for t := range a.T {
		for j := range half {
			angle := float64(t) * math.Pow(float64(a.Theta), -2*float64(j)/float64(a.Turn))
			host[t*half+j], host[(a.T+t)*half+j] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	c.ropes[key] = table
	return table
}

func (c *CPU) alibi(heads int) Buffer {
	if table, ok := c.slopes[heads]; ok {
		return table
	}
	table := c.keep(heads)
	for h, slope := range ALiBiSlopes(heads) {
		table.Host()[h] = float32(slope)
	}
	c.slopes[heads] = table
	return table
}

// ALiBiSlopes are those of each head, 2^(-8h/H) for h from 1 where H is a power of two; else those of the power of two
// below H, and after them every second of those of the power above (arXiv 2108.12409).
func ALiBiSlopes(heads int) []float64 {
	below := 1
	for 2*below <= heads {
		below *= 2
	}
	slopes := make([]float64, heads)
	for h := range slopes {
		if h < below {
			slopes[h] = math.Exp2(-8 * float64(h+1) / float64(below))
		} else {
			slopes[h] = math.Exp2(-8 * float64(2*(h-below)+1) / float64(2*below))
		}
	}
	return slopes
}

// Attend implements Device.
func (c *CPU) Attend(a Attention, y, lse, qkv Buffer, x Extra) {
	same(qkv.n, a.B*a.T*a.Row())
	same(y.n, a.B*a.T*a.H*a.E)
	same(lse.n, a.B*a.H*a.T)
	o := c.attention(a)
	C.oc_attend(c.path, o, f(y), f(lse), f(qkv), f(x.K), f(x.V), f(x.Logit), (*C.float)(&c.scratch[0]))
}

// AttendGrad implements Device.
func (c *CPU) AttendGrad(a Attention, dqkv Buffer, dx Extra, dy, y, lse, qkv Buffer, x Extra) {
	same(dqkv.n, qkv.n, a.B*a.T*a.Row())
	same(dy.n, y.n, a.B*a.T*a.H*a.E)
	same(dx.K.n, x.K.n)
	same(dx.V.n, x.V.n)
	same(dx.Logit.n, x.Logit.n)
	o := c.attention(a)
	C.oc_attend_grad(c.path, o, f(dqkv), f(dx.K), f(dx.V), f(dx.Logit), f(dy), f(y), f(lse), f(qkv), f(x.K), f(x.V), f(x.Logit), (*C.float)(&c.scratch[0]))
}

// AttendPattern implements Device.
func (c *CPU) AttendPattern(a Attention, p, qkv Buffer, x Extra) {
	same(p.n, a.B*a.H*a.T*a.Keys())
	o := c.attention(a)
	C.oc_attend_pattern(c.path, o, f(p), f(qkv), f(x.K), f(x.Logit), (*C.float)(&c.scratch[0]))
}
