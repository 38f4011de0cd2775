package jsonrpc

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

const prefix = `{"jsonrpc":"2.0",`

// envelopeBytes is room for what stands around the parts of a message.
const envelopeBytes = 64

// AppendRequest appends the request as one line without its end; params may be nil.
func AppendRequest(dst []byte, id ID, method string, params json.RawMessage) []byte {
	dst = slices.Grow(dst, len(id.raw)+len(method)+len(params)+envelopeBytes)
	dst = append(append(dst, prefix+`"id":`...), id.raw...)
	return appendCall(append(dst, ','), method, params)
}

// AppendNotification appends the notification as one line without its end; params may be nil.
func AppendNotification(dst []byte, method string, params json.RawMessage) []byte {
	dst = slices.Grow(dst, len(method)+len(params)+envelopeBytes)
	return appendCall(append(dst, prefix...), method, params)
}

func appendCall(dst []byte, method string, params json.RawMessage) []byte {
	dst = appendQuoted(append(dst, `"method":`...), method)
	if len(params) > 0 {
		dst = appendFlat(append(dst, `,"params":`...), params)
	}
	return append(dst, '}')
}

// AppendResult appends the response as one line without its end; a nil result becomes {}.
func AppendResult(dst []byte, id ID, result json.RawMessage) []byte {
	dst = AppendResultHead(slices.Grow(dst, len(id.raw)+len(result)+envelopeBytes), id)
	if len(result) == 0 {
		return append(dst, "{}"+ResultTail...)
	}
	return append(appendFlat(dst, result), ResultTail...)
}

// AppendResultHead appends what stands before the result of a response, for
// those who write that as it is: not flat, and with ResultTail behind it.
func AppendResultHead(dst []byte, id ID) []byte {
	return append(append(append(dst, prefix+`"id":`...), id.raw...), `,"result":`...)
}

// ResultTail is what stands behind the result of a response.
const ResultTail = "}"

// AppendError appends the error response as one line without its end; the zero ID becomes null.
func AppendError(dst []byte, id ID, e *Error) []byte {
	dst = append(dst, prefix+`"id":`...)
	if id.IsZero() {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, id.raw...)
	}
	if len(e.Raw) > 0 {
		return append(appendFlat(append(dst, `,"error":`...), e.Raw), '}')
	}
	dst = strconv.AppendInt(append(dst, `,"error":{"code":`...), int64(e.Code), 10)
	dst = appendQuoted(append(dst, `,"message":`...), e.Message)
	if len(e.Data) > 0 {
		dst = appendFlat(append(dst, `,"data":`...), e.Data)
	}
	return append(dst, "}}"...)
}

// appendFlat appends JSON with its line ends made spaces: in JSON they only
// occur between tokens, but on stdio and in an event they would end the message.
func appendFlat(dst []byte, raw json.RawMessage) []byte {
	from := len(dst)
	dst = append(dst, raw...)
	for _, end := range []byte("\r\n") {
		for rest := dst[from:]; ; {
			i := bytes.IndexByte(rest, end)
			if i < 0 {
				break
			}
			rest[i] = ' '
			rest = rest[i+1:]
		}
	}
	return dst
}
