"""The compiled functions of a procedure, for all replicas of a group of seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

from jaxtyping import Array, Key

from jzsl.config import Experiment
from jzsl.devices.mesh import REPLICA, device_mesh, keys_of
from jzsl.devices.program import Program
from jzsl.devices.replicas import replicate
from jzsl.interfaces import Method, Task
from jzsl.procedure import Procedure, inductive


class Programs:
    """What all trainers of one procedure share, whatever their problem, as long as their sizes agree.

    Args:
        experiment: says how many seeds train together, and on how many devices.
        methods: the method as each task uses it, by task; None: the experiment's. Their classifiers alone differ.
        procedure: what to compile; None: inductive training of the first task's method.
        stage: name of the stage that it trains, whose keys are then its own; None: the experiment's method.

    Attributes:
        replicas: states that train together, a multiple of the devices on the replica axis.
    """

    def __init__(
        self,
        experiment: Experiment,
        methods: Mapping[Task, Method] | None = None,
        procedure: Procedure | None = None,
        stage: str | None = None,
    ):
        built = {task: experiment.method.build(task) for task in experiment.tasks} if methods is None else dict(methods)
        self.methods: dict[Task, Method] = built
        self.procedure = inductive(next(iter(built.values()))) if procedure is None else procedure
        self.takes_images = all(method.takes_images for method in built.values())
        self.whole_pool = any(method.whole_pool for method in built.values())
        self.mesh = device_mesh(experiment.replicas, experiment.devices_per_seed)
        self._stage = stage
        share = self.mesh.shape[REPLICA]
        self.replicas = -(-experiment.replicas // share) * share
        state_alone = (True, False, False, False)
        self.init = Program(replicate(self.procedure.init, self.mesh, (*state_alone, False)))
        self.fit = Program(replicate(self.procedure.fit, self.mesh, (*state_alone, False)), uses_up=True)
        begin, end = self.procedure.begin, self.procedure.end
        self.begin = None if begin is None else Program(replicate(begin, self.mesh, state_alone), uses_up=True)
        self.end = None if end is None else Program(replicate(end, self.mesh, state_alone), uses_up=True)

    def keys(self, seeds: Sequence[int]) -> Key[Array, " r"]:
        """The base key of each replica. Replicas beyond the seeds repeat the last one; their results are not used."""
        return keys_of([*seeds, *[seeds[-1]] * (self.replicas - len(seeds))], self.mesh, self._stage)

    def adopt(self, keys: Any, states: Any, earlier: Any) -> Any:
        """The states with the variables that the stage before ended with; see `Method.adopt`."""
        return self._adoption()(keys, states, earlier)

    def adopted_shapes(self, keys: Any, states: Any, earlier: Any) -> Any:
        """Shapes of what `adopt` returns, without computing it."""
        return self._adoption().shapes(keys, states, earlier)

    def _adoption(self) -> Program:
        method, procedure = next(iter(self.methods.values())), self.procedure

        def adopt(key, state, model):
            assert method.adopt is not None
            return procedure.with_model(state, method.adopt(key, procedure.model(state), model))

        return Program(replicate(adopt, self.mesh, (True, True, True)))

    @property
    def of_rounds(self) -> list[Program]:
        """The programs that train, in their order within a round."""
        return [program for program in (self.begin, self.fit, self.end) if program is not None]
