package relay

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// A Sealer binds the state of a server's question to whom and what it is for,
// while the client carries it: the requestState of an input_required result is
// the server's own for one principal, one request and a time (2026-07-28,
// multi round-trip requests: server requirements). Nothing of it is kept here.
//
// A state that was good once stays so until it expires: whether it may be used
// twice is its server's to say, which alone knows what has been done with it.
type Sealer struct {
	aead cipher.AEAD
	life time.Duration
	now  func() time.Time
}

// NewSealer returns a sealer whose states are good for life, wherever the same
// key of 32 bytes is used. A nil key is one that nobody else has. It panics on
// a key of another length.
func NewSealer(key []byte, life time.Duration) *Sealer {
	if key == nil {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // it never fails
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the configuration has been checked
	}
	// The nonces are random: good for 2^32 states of one key.
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the right block size
	}
	return &Sealer{aead: aead, life: life, now: time.Now}
}

const (
	keyState     = "requestState"
	keyResponses = "inputResponses"
	keyMeta      = "_meta"

	expiryBytes = 8
)

// bound is what a state is good for: any other makes it one that was tampered with.
func bound(server string, principal messages.Principal, req messages.Request) []byte {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(server), []byte(principal.Name), []byte(req.Method), salient(req.Params)} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

// salient are the parameters that a retry repeats, whatever their order: all but
// the answers, the state, and _meta, in which each request speaks of itself.
func salient(params json.RawMessage) []byte {
	for _, key := range []string{keyState, keyResponses, keyMeta} {
		params = jsonrpc.Delete(params, key)
	}
	return appendOrdered(nil, params)
}

// appendOrdered writes JSON with the members of objects in order, none of them
// dropped: of equal ones some readers take the first and some the last.
func appendOrdered(b []byte, raw json.RawMessage) []byte {
	raw = bytes.TrimSpace(raw)
	switch {
	case len(raw) == 0:
		return b
	case raw[0] == '[':
		b = append(b, '[')
		for element := range jsonrpc.Elements(raw) {
			b = append(appendOrdered(b, element), ',')
		}
		return append(b, ']')
	case raw[0] == '"':
		text, _ := jsonrpc.GetString(raw)
		return append(b, jsonrpc.Quote(text)...)
	case raw[0] != '{':
		return append(b, raw...)
	}
	type member struct {
		key   string
		value json.RawMessage
	}
	var members []member
	for key, value := range jsonrpc.Members(raw) {
		members = append(members, member{key, value})
	}
	slices.SortStableFunc(members, func(a, b member) int { return strings.Compare(a.key, b.key) })
	b = append(b, '{')
	for _, m := range members {
		b = append(append(b, jsonrpc.Quote(m.key)...), ':')
		b = append(appendOrdered(b, m.value), ',')
	}
	return append(b, '}')
}

// roundTrips tells whether a method may be answered with input_required.
func roundTrips(method string) bool {
	return method == "tools/call" || method == "prompts/get" || method == "resources/read"
}

// seal returns the result as the client gets it: with a state that is good for
// this request only, if it is one that asks for input and has a state.
func (s *Sealer) seal(server string, principal messages.Principal, req messages.Request, result json.RawMessage) json.RawMessage {
	if !roundTrips(req.Method) {
		return result
	}
	// Mostly the first member: a search for the word itself would read all of a
	// long result.
	if kind, _ := jsonrpc.GetString(result, "resultType"); kind != "input_required" {
		return result
	}
	state, ok := jsonrpc.Get(result, keyState)
	if !ok {
		return result
	}
	expiry := binary.BigEndian.AppendUint64(nil, uint64(s.now().Add(s.life).UnixMilli()))
	sealed := s.aead.Seal(nil, nil, append(expiry, state...), bound(server, principal, req))
	return jsonrpc.Set(result, jsonrpc.Quote(base64.RawURLEncoding.EncodeToString(sealed)), keyState)
}

var (
	errForeign = errors.New("it was not given for this request, or not here: ask again without it")
	errExpired = errors.New("it has expired: ask again without it")
)

// unseal returns the params as their server gets them: with the state that it gave.
func (s *Sealer) unseal(server string, principal messages.Principal, req messages.Request) (json.RawMessage, error) {
	if !roundTrips(req.Method) {
		return req.Params, nil
	}
	raw, ok := jsonrpc.Get(req.Params, keyState)
	if !ok {
		return req.Params, nil
	}
	state, err := s.open(raw, bound(server, principal, req))
	if err != nil {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "Invalid params: requestState: " + err.Error()}
	}
	return jsonrpc.Set(req.Params, state, keyState), nil
}

func (s *Sealer) open(raw json.RawMessage, aad []byte) (json.RawMessage, error) {
	text, _ := jsonrpc.GetString(raw) // what is no text opens nothing
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, errForeign
	}
	plain, err := s.aead.Open(nil, nil, sealed, aad)
	switch {
	case err != nil:
		return nil, errForeign
	case s.now().UnixMilli() >= int64(binary.BigEndian.Uint64(plain)): // as it was sealed, expiry first
		return nil, errExpired
	}
	return plain[expiryBytes:], nil
}
