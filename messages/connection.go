package messages

import (
	"net/url"
	"regexp"
	"strings"
)

// ConnectionName names the connection of a server for logs and status:
// "Stdio-command args", "SSE-URL" or "StreamableHTTP-URL". Passwords, tokens
// and the values of queries are masked.
func (s *ServerSpec) ConnectionName() string {
	switch s.Transport {
	case TransportStdio:
		return "Stdio-" + strings.Join(append([]string{s.Command}, maskArgs(s.Args)...), " ")
	case TransportSSE:
		return "SSE-" + MaskURL(s.URL)
	case TransportHTTP:
		return "StreamableHTTP-" + MaskURL(s.URL)
	}
	return string(s.Transport) + "-" + MaskURL(s.URL)
}

// ConnectionTo is the name of a connection that is there, which knows better than
// the configuration what an undeclared server speaks.
func (s *ServerSpec) ConnectionTo(p Peer) string {
	found := *s
	if p.Transport != "" {
		found.Transport = p.Transport
	}
	return found.ConnectionName()
}

// Mask stands for a secret wherever one would be shown.
const Mask = "***"

// MaskURL hides the password and every query value of a URL; a text that is no
// URL is hidden after its first question mark.
func MaskURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		head, _, cut := strings.Cut(raw, "?")
		if cut {
			return head + "?" + Mask
		}
		return head
	}
	if _, has := u.User.Password(); has {
		u.User = url.UserPassword(u.User.Username(), Mask)
	}
	if u.RawQuery != "" {
		q := u.Query()
		for _, values := range q {
			for i := range values {
				values[i] = Mask
			}
		}
		u.RawQuery = q.Encode()
	}
	// The mask is for people; it need not survive as part of a URL.
	return strings.ReplaceAll(u.String(), url.QueryEscape(Mask), Mask)
}

var secretWord = regexp.MustCompile(`(?i)(token|secret|passw|passwd|api[-_]?key|authorization|bearer|credential)`)

// SecretName tells whether a header, variable or flag of that name is likely to
// hold a secret.
func SecretName(name string) bool { return secretWord.MatchString(name) }

// maskArgs hides what follows a flag that names a secret, whether after "=" or
// as the next argument, and the secrets of URLs.
func maskArgs(args []string) []string {
	masked := make([]string, len(args))
	for i, arg := range args {
		flag, _, assigned := strings.Cut(arg, "=")
		switch {
		case assigned && SecretName(flag):
			masked[i] = flag + "=" + Mask
		case i > 0 && strings.HasPrefix(args[i-1], "-") && !strings.Contains(args[i-1], "=") && SecretName(args[i-1]):
			masked[i] = Mask
		case strings.Contains(arg, "://"):
			masked[i] = MaskURL(arg)
		default:
			masked[i] = arg
		}
	}
	return masked
}
