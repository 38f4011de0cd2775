package kit

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

// StopOnPanic is the strategy of a supervisor whose children are never
// restarted: the library's default would.
type StopOnPanic struct{}

// HandleFailure implements actor.SupervisorStrategy.
func (StopOnPanic) HandleFailure(system *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID,
	_ *actor.RestartStatistics, reason, _ any,
) {
	Publish(system, messages.ActorStopped{Path: child.Id, Reason: fmt.Sprint(reason)})
	supervisor.StopChildren(child)
}
