package dial

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// headBytes of an answer that is no message are read, to be quoted.
const (
	headBytes  = 4 << 10
	quoteRunes = 200
)

// plain says what a network error means and, where it can be known, what to do.
func (c *httpCore) plain(err error) string {
	var (
		dns      *net.DNSError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		timeout  net.Error
		record   tls.RecordHeaderError
		alert    tls.AlertError
	)
	host := c.url.Host
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("connection refused by %s: is the server running?", host)
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return fmt.Sprintf("the host name %s does not exist: check its url", dns.Name)
		}
		return fmt.Sprintf("the host name %s could not be looked up: %s", dns.Name, dns.Err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it did not answer in time"
	case errors.As(err, &record):
		return fmt.Sprintf("%s does not speak TLS: should its url begin with http://?", host)
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid):
		return fmt.Sprintf("the TLS certificate of %s is not valid: %v", host, err)
	case errors.As(err, &alert):
		return fmt.Sprintf("%s refused the TLS connection: %v", host, err)
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // net/http has no type for it
		return fmt.Sprintf("%s does not speak TLS: should its url begin with http://?", host)
	case strings.Contains(err.Error(), "malformed HTTP"): // nor for this
		return fmt.Sprintf("%s does not speak HTTP (or only with TLS): check its url", host)
	case strings.Contains(err.Error(), "response headers exceeded"), strings.Contains(err.Error(), "header list"):
		return fmt.Sprintf("the headers of its answer exceed limits.header_bytes (%d bytes)", c.limits.HeaderBytes)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		strings.Contains(err.Error(), "server closed idle connection"):
		return "it broke the connection"
	}
	return c.sanitise(err.Error())
}

// refused reads an answer with an error status, of which body has been read:
// the server's own error, or what else its refusal means.
func (c *httpCore) refused(resp *http.Response, body []byte, what string) reply {
	switch status := resp.StatusCode; {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
	case status >= 400 && status < 500:
		// The id may be missing where the server did not read that far.
		if m, problem := jsonrpc.Parse(body, c.limits.Depth); problem == nil && m.Kind == jsonrpc.ErrorResponse {
			return reply{err: jsonrpc.ParseError(m.Err)}
		}
	}
	return reply{failure: c.refusal(resp, body, what)}
}

// refusal turns an answer that is no message into a failure. body is its beginning.
func (c *httpCore) refusal(resp *http.Response, body []byte, what string) *messages.Failure {
	status := resp.StatusCode
	said := c.said(resp, body)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f := messages.Failf(messages.KindUnavailable, c.name,
			"server %q refused our credentials (%d): check its headers%s", c.name, status, said)
		if status == http.StatusForbidden {
			f.Sent = messages.SentUnknown // some forbid the answer and not the request
		}
		return f
	case status == http.StatusTooManyRequests:
		f := c.failf(messages.KindOverloaded, "it has too much to do (429) and refused %s%s", what, said)
		f.RetryAfter = retryAfter(resp.Header, time.Now())
		f.Sent = messages.SentNo
		return f
	case status >= 300 && status < 400:
		to := "elsewhere"
		if u, err := resp.Location(); err == nil {
			to = messages.MaskURL(u.String())
		}
		return c.failf(messages.KindUnavailable, "it redirects to %s (%d), which mcpx does not follow: change its url", to, status)
	case status < 300:
		return c.failf(messages.KindUnavailable, "it accepted %s (%d) without answering it%s", what, status, said)
	}
	f := c.failf(messages.KindUnavailable, "it answered %s with HTTP %d %s%s", what, status, http.StatusText(status), said)
	f.RetryAfter = retryAfter(resp.Header, time.Now())
	return f
}

// headOf reads the beginning of an answer that is no message.
func (c *httpCore) headOf(resp *http.Response) []byte {
	if mediaType(resp.Header) == typeEvents {
		return nil // it may never end
	}
	defer briefly(resp)()
	head, _ := io.ReadAll(io.LimitReader(resp.Body, headBytes)) // what came, came
	return head
}

// said quotes what the server said: the message of a JSON-RPC error, or the
// first words of the body; empty when there are none.
func (c *httpCore) said(resp *http.Response, body []byte) string {
	text := string(body)
	if m, problem := jsonrpc.Parse(body, c.limits.Depth); problem == nil && m.Kind == jsonrpc.ErrorResponse {
		text = jsonrpc.ParseError(m.Err).Message
	}
	if text = c.sanitise(text); text == "" {
		return ""
	}
	return ": " + text
}

// sanitise makes a foreign text fit to be shown: one line, short, printable,
// and without what we sent as a header.
func (c *httpCore) sanitise(text string) string {
	for _, secret := range c.secrets() {
		text = strings.ReplaceAll(text, secret, messages.Mask)
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == utf8.RuneError
	}), " ")
	if runes := []rune(text); len(runes) > quoteRunes {
		text = string(runes[:quoteRunes]) + "…"
	}
	return text
}

// secrets are what we sent in headers and in the query, longest first, and their words: a server
// may quote the token without its scheme. Short ones are no secrets.
func (c *httpCore) secrets() []string {
	list := append([]string{c.session}, c.hidden...)
	for _, values := range c.url.Query() {
		list = append(list, values...)
	}
	for name, values := range c.base {
		if name != "User-Agent" {
			list = append(list, values...)
			list = append(list, strings.Fields(strings.Join(values, " "))...)
		}
	}
	list = slices.DeleteFunc(list, func(s string) bool { return len(s) < 6 })
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return list
}

// retryAfter reads Retry-After: seconds or a date; 0 when there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

func mediaType(h http.Header) string {
	value, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	if value == typeJSON || value == typeEvents {
		return value
	}
	return strings.ToLower(strings.TrimSpace(value))
}

// upstreamError is an error of the server's own.
func upstreamError(server string, e *jsonrpc.Error) *messages.Failure {
	return &messages.Failure{
		Kind: messages.KindUpstream, Server: server, Sent: messages.SentDone,
		Code: e.Code, Message: e.Message, Data: bytes.Clone(e.Data), Raw: bytes.Clone(e.Raw),
	}
}

// unusable is an answer that came and cannot be read.
func (c *httpCore) unusable(sent messages.Sent, format string, args ...any) *messages.Failure {
	f := c.failf(messages.KindUpstream, format, args...)
	f.Code, f.Sent = jsonrpc.CodeInternal, sent
	return f
}

func (c *httpCore) tooLarge(what string) *messages.Failure {
	return c.unusable(messages.SentDone, "message too large: the answer to %s exceeds limits.message_bytes (%d bytes)",
		what, c.limits.MessageBytes)
}

// expired: the session is gone, and with it the connection. The request was
// not looked at (2025-11-25, transports: session management).
func (c *httpCore) expired(what string) *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, c.name, "server %q: the session has expired (404 to %s)", c.name, what)
	f.Stale = true
	c.expire(f)
	return f
}

// sessionLost tells whether a status means that the server does not know our session.
func (c *httpConn) sessionLost(status int) bool {
	return status == http.StatusNotFound && c.session != "" && !mcp.IsModern(c.peer.Protocol)
}
