package predict

import "math"

// Transform maps a target to the scale on which a model learns it.
type Transform struct {
	Name   string  `json:"name"`             // log1p, yeo-johnson or log
	Lambda float64 `json:"lambda,omitempty"` // of yeo-johnson
}

// To returns the transformed value of x. The transform log requires x > 0, and log1p requires x > -1.
func (t Transform) To(x float64) float64 {
	switch t.Name {
	case "log":
		return math.Log(x)
	case "log1p":
		return math.Log1p(x)
	}
	return yeoJohnson(x, t.Lambda)
}

// From returns the x whose transformed value is y. If y is beyond the range of yeo-johnson, From returns an infinity
// with the sign of y. For log1p, From returns at least 0, because log1p is used for targets that are never negative.
func (t Transform) From(y float64) float64 {
	switch t.Name {
	case "log":
		return math.Exp(y)
	case "log1p":
		return max(0, math.Expm1(y))
	}
	lambda := t.Lambda
	if y < 0 {
		lambda, y = 2-lambda, -y
		return -yeoJohnsonInverse(y, lambda)
	}
	return yeoJohnsonInverse(y, lambda)
}

// yeoJohnson is the power transform of Yeo and Johnson (2000). It is ((1+x)^lambda - 1)/lambda for x >= 0. For negative
// x it is minus the same function of -x, with 2 - lambda in place of lambda.
func yeoJohnson(x, lambda float64) float64 {
	sign := 1.0
	if x < 0 {
		sign, x, lambda = -1, -x, 2-lambda
	}
	if math.Abs(lambda) < 1e-9 {
		return sign * math.Log1p(x)
	}
	return sign * math.Expm1(lambda*math.Log1p(x)) / lambda
}

// yeoJohnsonInverse inverts yeoJohnson for y >= 0.
func yeoJohnsonInverse(y, lambda float64) float64 {
	if math.Abs(lambda) < 1e-9 {
		return math.Expm1(y)
	}
	inside := lambda * y
	if inside <= -1 { // at or beyond the transform's limit, -1/lambda
		return math.Inf(1)
	}
	return math.Expm1(math.Log1p(inside) / lambda)
}

// bestYeoJohnson returns the lambda in [-3, 5] that maximises the Gaussian likelihood of the transformed values,
// -n/2 ln var + (lambda-1) sum sign(x) ln(1+|x|), found by golden section. It is 1 if all values are equal.
func bestYeoJohnson(values []float64) float64 {
	var jacobian float64
	for _, x := range values {
		jacobian += math.Copysign(math.Log1p(math.Abs(x)), x)
	}
	n := float64(len(values))
	likelihood := func(lambda float64) float64 {
		var mean, squares float64
		for _, x := range values {
			mean += yeoJohnson(x, lambda) / n
		}
		for _, x := range values {
			d := yeoJohnson(x, lambda) - mean
			squares += d * d / n
		}
		return -n/2*math.Log(squares) + (lambda-1)*jacobian
	}
	if math.IsInf(likelihood(1), 1) {
		return 1
	}
	const golden = 0.6180339887498949
	low, high := -3.0, 5.0
	a, b := high-golden*(high-low), low+golden*(high-low)
	fa, fb := likelihood(a), likelihood(b)
	for high-low > 1e-6 {
		if fa > fb {
			high, b, fb = b, a, fa
			a = high - golden*(high-low)
			fa = likelihood(a)
		} else {
			low, a, fa = a, b, fb
			b = low + golden*(high-low)
			fb = likelihood(b)
		}
	}
	return (low + high) / 2
}
