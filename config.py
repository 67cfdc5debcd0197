"""pyinfra reads this first: what is wrong with its command line is refused before any host is connected to.

A run that connects to ``@docker/IMAGE`` leaves an image without a name, even if it then does nothing.
"""

import sys

import click
from pyinfra.api.exceptions import PyinfraError
from pyinfra_cli.util import parse_cli_arg

from tasks import settings
from tasks.lib import command_line

command_line.demand_hosts()
_asked = click.get_current_context(silent=True)
if _asked:
    _problem = command_line.problem(_asked.params, sys.stdin) or settings.problem_of_data(
        {_name: parse_cli_arg(_value) for _name, _value in command_line.data(_asked.params)}
    )
    if _problem:
        raise PyinfraError(_problem)
    if command_line.goes_on(_asked.params, sys.stdin):
        sys.stdin = command_line.Enter()
