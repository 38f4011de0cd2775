package config

import (
	"maps"
	"net/url"
	"strings"

	"github.com/mcpx/mcpx/messages"
)

// Masked stands where a secret's value is not shown.
const Masked = "********"

// secretWords make the value under a name a secret: of variables, headers, query
// parameters and flags alike.
var secretWords = []string{"auth", "token", "secret", "passw", "passphrase", "credential", "cookie", "signature", "session"}

// IsSecret reports whether the value under a name (of a variable, a header, a
// flag, a query parameter) must not be shown.
func IsSecret(name string) bool {
	lower := strings.ToLower(name)
	for _, word := range secretWords {
		if strings.Contains(lower, word) {
			return true
		}
	}
	// "key" only as a word of its own or at an end: API_KEY, apikey, X-Key; not KEYBOARD.
	for _, part := range strings.FieldsFunc(lower, func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
		if strings.HasSuffix(part, "key") || strings.HasSuffix(part, "keys") || part == "pat" || part == "pwd" || part == "pass" {
			return true
		}
	}
	return false
}

// MaskValue returns the value as it may be shown under its name. What is not
// secret by its name may still be a URL with a password or a token.
func MaskValue(name, value string) string {
	if value != "" && IsSecret(name) {
		return Masked
	}
	return maskText(value)
}

// maskText masks what a text gives away by its form: URLs with secrets, and "Bearer …".
func maskText(value string) string {
	if scheme, _, ok := strings.Cut(value, " "); ok && (strings.EqualFold(scheme, "bearer") || strings.EqualFold(scheme, "basic")) {
		return scheme + " " + Masked
	}
	if !strings.Contains(value, "://") {
		return value
	}
	u, err := url.Parse(value)
	if err != nil {
		return Masked
	}
	masked := false
	if _, has := u.User.Password(); has {
		u.User, masked = url.UserPassword(u.User.Username(), Masked), true
	}
	query := u.Query()
	for name, values := range query {
		if IsSecret(name) {
			masked = true
			for i := range values {
				values[i] = Masked
			}
		}
	}
	if !masked {
		return value
	}
	if u.RawQuery != "" {
		u.RawQuery = strings.ReplaceAll(query.Encode(), url.QueryEscape(Masked), Masked)
	}
	return strings.ReplaceAll(u.String(), url.PathEscape(Masked), Masked)
}

// maskArgs masks the values of flags that name secrets: --token x, --token=x.
func maskArgs(args []string) []string {
	var out []string
	secret := false
	for _, arg := range args {
		name, value, assigned := strings.Cut(arg, "=")
		switch {
		case secret && !strings.HasPrefix(arg, "-"):
			arg = Masked
		case assigned:
			arg = name + "=" + MaskValue(name, value)
		default:
			arg = maskText(arg)
		}
		secret = strings.HasPrefix(arg, "-") && !assigned && IsSecret(arg)
		out = append(out, arg)
	}
	return out
}

// MaskSpec returns a copy of the specification that may be shown.
func MaskSpec(s messages.ServerSpec) messages.ServerSpec {
	s.Args = maskArgs(s.Args)
	s.Env = maskMap(s.Env)
	s.Headers = maskMap(s.Headers)
	s.URL = maskText(s.URL)
	return s
}

func maskMap(m map[string]string) map[string]string {
	m = maps.Clone(m)
	for name, value := range m {
		m[name] = MaskValue(name, value)
	}
	return m
}

// Masked returns a copy of the configuration that may be shown. It also masks
// the values of variables with secret names wherever the file puts them.
func (c *Config) Masked() *Config {
	shown := *c
	hide := c.hide
	for _, s := range []*string{
		&shown.Host, &shown.TLSCertFile, &shown.TLSKeyFile, &shown.PathPrefix, &shown.RootPath,
		&shown.Document.Name, &shown.Document.Description, &shown.Document.Version,
	} {
		*s = hide(*s)
	}
	shown.AllowedHosts, shown.AllowedOrigins = hideAll(c.AllowedHosts, hide), hideAll(c.AllowedOrigins, hide)
	shown.DisabledTools = hideAll(c.DisabledTools, hide)
	shown.Forwarding.Allow, shown.Forwarding.Deny = hideAll(c.Forwarding.Allow, hide), hideAll(c.Forwarding.Deny, hide)
	shown.APIKeys = maps.Clone(c.APIKeys)
	for name := range shown.APIKeys {
		shown.APIKeys[name] = Masked
	}
	if c.StateKey != "" {
		shown.StateKey = Masked
	}
	shown.Servers = make([]messages.ServerSpec, len(c.Servers))
	for i, s := range c.Servers {
		s = MaskSpec(s)
		s.Command, s.Cwd, s.URL = hide(s.Command), hide(s.Cwd), hide(s.URL)
		s.Args, s.DisabledTools = hideAll(s.Args, hide), hideAll(s.DisabledTools, hide)
		s.Forwarding.Allow, s.Forwarding.Deny = hideAll(s.Forwarding.Allow, hide), hideAll(s.Forwarding.Deny, hide)
		for _, m := range []map[string]string{s.Env, s.Headers} {
			for name, value := range m { // copies
				m[name] = hide(value)
			}
		}
		shown.Servers[i] = s
	}
	return &shown
}

// shortSecret: what is shorter is hidden only where it stands alone, since it
// would be found in other words as well.
const shortSecret = 6

// hide masks the secrets of variables in a text.
func (c *Config) hide(text string) string {
	for _, secret := range c.secrets {
		if text == secret || len(secret) >= shortSecret {
			text = strings.ReplaceAll(text, secret, Masked)
		}
	}
	return text
}

func hideAll(texts []string, hide func(string) string) []string {
	if texts == nil {
		return nil
	}
	shown := make([]string, len(texts))
	for i, s := range texts {
		shown[i] = hide(s)
	}
	return shown
}
