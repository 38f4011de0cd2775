package messages

import "context"

// Principal is on whose behalf a request runs. One Authenticator fills it;
// the runtime's one policy point reads it.
type Principal struct {
	// Name is the name of the API key ("default" for --api-key), or empty
	// for the anonymous caller.
	Name string
}

// Anonymous is the caller who showed no credential.
var Anonymous = Principal{}

// String returns the name, "anonymous" for the anonymous caller.
func (p Principal) String() string {
	if p.Name == "" {
		return "anonymous"
	}
	return p.Name
}

type principalKey struct{}

// WithPrincipal returns a context of a request that was authenticated as p.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the principal of the request, Anonymous if the
// listener authenticated nobody.
func PrincipalFrom(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}
