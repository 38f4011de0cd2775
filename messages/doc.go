// Package messages is the language spoken between actors, and between the
// runtime and those who use it: plain values that carry names, one file per
// conversation. It imports the standard library only, so that everything may
// import it.
package messages
