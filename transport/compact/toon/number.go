package toon

import (
	"bytes"
	"strconv"
)

// scanNumber returns the parts of a decimal number: the digits before the
// point, those after it, and the exponent with its sign. ok tells whether all
// of tok is one. A sign before it has been cut off by the caller.
func scanNumber(tok []byte) (whole, frac, exp []byte, ok bool) {
	i := digits(tok, 0)
	if i == 0 {
		return nil, nil, nil, false
	}
	whole = tok[:i]
	if i < len(tok) && tok[i] == '.' {
		end := digits(tok, i+1)
		if end == i+1 {
			return nil, nil, nil, false
		}
		frac, i = tok[i+1:end], end
	}
	if i < len(tok) && (tok[i] == 'e' || tok[i] == 'E') {
		start := i + 1
		if start < len(tok) && (tok[start] == '+' || tok[start] == '-') {
			start++
		}
		end := digits(tok, start)
		if end == start {
			return nil, nil, nil, false
		}
		exp, i = tok[i+1:end], end
	}
	return whole, frac, exp, i == len(tok)
}

// digits returns the index after the digits that begin at tok[i].
func digits(tok []byte, i int) int {
	for i < len(tok) && '0' <= tok[i] && tok[i] <= '9' {
		i++
	}
	return i
}

// isNumber tells whether an unquoted token is a number (§4).
func isNumber(tok []byte) bool {
	whole, _, _, ok := scanNumber(bytes.TrimPrefix(tok, []byte("-")))
	return ok && (len(whole) == 1 || whole[0] != '0')
}

// likeNumber tells whether a string looks so much like a number that it has to
// be quoted (§7.2). What begins with a minus is quoted in any case.
func likeNumber(s []byte) bool {
	_, _, _, ok := scanNumber(bytes.TrimPrefix(s, []byte("+")))
	return ok
}

// The exponent of the first digit of the numbers that are to be written out:
// from 1e-6 up to, but not with, 1e21 (§2).
const (
	leastPlain    = -6
	greatestPlain = 20
)

// A number whose exponent has more digits than that keeps its text: there is
// nothing to compute with.
const exponentDigits = 15

// appendNumber appends a JSON number in the canonical form of §2. It is exact:
// it moves the point and cuts zeros.
func appendNumber(dst, tok []byte) []byte {
	unsigned := bytes.TrimPrefix(tok, []byte("-"))
	whole, frac, exp, _ := scanNumber(unsigned)
	frac = bytes.TrimRight(frac, "0")
	if len(bytes.TrimLeft(whole, "0"))+len(bytes.TrimLeft(frac, "0")) == 0 {
		return append(dst, '0') // whatever its sign and exponent
	}
	if len(unsigned) < len(tok) {
		dst = append(dst, '-')
	}
	if len(exp) == 0 {
		return appendPoint(dst, whole, frac)
	}
	return appendScaled(dst, whole, frac, exp)
}

func appendPoint(dst, whole, frac []byte) []byte {
	dst = append(dst, whole...)
	if len(frac) == 0 {
		return dst
	}
	return append(append(dst, '.'), frac...)
}

// appendScaled appends whole.frac times ten to the power of exp; it is not zero.
func appendScaled(dst, whole, frac, exp []byte) []byte {
	sign := byte('+')
	switch exp[0] {
	case '-':
		sign, exp = '-', exp[1:]
	case '+':
		exp = exp[1:]
	}
	exp = bytes.TrimLeft(exp, "0")
	if len(exp) > exponentDigits {
		dst = append(appendPoint(dst, whole, frac), 'e', sign)
		return append(dst, exp...)
	}
	power := 0
	for _, c := range exp {
		power = power*10 + int(c-'0')
	}
	if sign == '-' {
		power = -power
	}
	// The number is 0.all times ten to the power of point.
	all := append(append(make([]byte, 0, len(whole)+len(frac)), whole...), frac...)
	point := len(whole) + power
	significant := bytes.TrimLeft(all, "0")
	point -= len(all) - len(significant)
	significant = bytes.TrimRight(significant, "0")
	first := point - 1
	switch {
	case first < leastPlain || first > greatestPlain:
		dst = append(appendPoint(dst, significant[:1], significant[1:]), 'e')
		if first > 0 {
			dst = append(dst, '+')
		}
		return strconv.AppendInt(dst, int64(first), 10)
	case point <= 0:
		return append(appendZeros(append(dst, "0."...), -point), significant...)
	case point >= len(significant):
		return appendZeros(append(dst, significant...), point-len(significant))
	}
	return appendPoint(dst, significant[:point], significant[point:])
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}
