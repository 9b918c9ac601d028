"""What the endpoints work with."""

from __future__ import annotations

from dataclasses import dataclass, field

from hermetic.environments import Environments
from hermetic.http.callers import Authenticate
from hermetic.kept_answers import KeptAnswers
from hermetic.kept_files import KeptFiles
from hermetic.kept_runs import KeptRuns
from hermetic.measurements import Measurements
from hermetic.policy.enforcing import EnforcedPolicy
from hermetic.runs import RunService
from hermetic.settings import ServiceSettings


@dataclass
class Service:
    """One running service. `ready` is set when guests can be started at once."""

    settings: ServiceSettings
    authenticate: Authenticate
    runs: RunService
    kept: KeptRuns
    files: KeptFiles
    answers: KeptAnswers
    environments: Environments
    measurements: Measurements
    needs_key: bool
    policy: EnforcedPolicy | None = None
    """What is judged; without it, keys and their limits are all that there is."""
    ready: bool = field(default=False)
