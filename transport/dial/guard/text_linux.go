package guard

// What a guard needs of strings and strconv. It imports neither: packages are
// initialised in the order of their paths, each when those that it imports are,
// so that whoever imports these two comes behind most of the program, and every
// guard would pay for all of that before it starts its server.

// decimal writes a number that is not negative.
func decimal(n int) string {
	var b [20]byte
	for i := len(b) - 1; ; i-- {
		b[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return string(b[i:])
		}
	}
}

// number reads what decimal or the kernel has written; ok is false for anything else.
func number(s string) (n int, ok bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' || i == 18 {
			return 0, false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n, s != ""
}

// words splits a text at spaces and ends of lines.
func words(b []byte) []string {
	var all []string
	begun := 0
	for i := range len(b) + 1 {
		if i < len(b) && b[i] != ' ' && b[i] != '\n' {
			continue
		}
		if i > begun {
			all = append(all, string(b[begun:i]))
		}
		begun = i + 1
	}
	return all
}
