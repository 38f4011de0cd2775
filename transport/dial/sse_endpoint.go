package dial

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// endpointOf reads where messages are to be posted: a URI, absolute or relative
// to that of the stream, and of the same origin, since our credentials go
// there. The error completes "the endpoint …" and quotes nothing of a path or
// query, which hold the session.
func endpointOf(stream *url.URL, data []byte, limit int) (*url.URL, error) {
	text := strings.TrimSpace(string(data))
	switch {
	case text == "":
		return nil, errors.New("is empty")
	case len(text) > limit:
		return nil, fmt.Errorf("exceeds limits.header_bytes (%d bytes)", limit)
	}
	to, err := stream.Parse(text)
	if err != nil {
		return nil, errors.New("is no URI")
	}
	if to.Opaque != "" || !sameOrigin(to, stream) {
		return nil, fmt.Errorf("lies on another origin (%.100q), which is not trusted with what is sent to this server", to.Scheme+"://"+to.Host)
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	return to, nil
}
