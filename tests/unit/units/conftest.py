"""A machine's settings are a container's."""

from tests.unit.runtime.conftest import place as place
from tests.unit.runtime.conftest import settings as settings
