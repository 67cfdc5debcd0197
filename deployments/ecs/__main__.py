"""``python -m deployments.ecs --image IMAGE --region REGION > task.json``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from builder.errors import BuildError, Parser
from deployments.ecs import task_definition


def parser() -> argparse.ArgumentParser:
    """Return the options; values are checked by :mod:`deployments.ecs.task_definition`."""
    default = task_definition.Task("", "")
    parsed = Parser(
        prog="python -m deployments.ecs",
        description="Writes a task definition for ECS on EC2, for 'aws ecs register-task-definition --cli-input-json'.",
    )
    parsed.add_argument("--image", required=True, help="the image, where the instances can pull it")
    parsed.add_argument("--region", required=True, help="where its log goes, such as eu-west-1")
    parsed.add_argument("--family", default=default.family, help="name of the task definition (%(default)s)")
    parsed.add_argument(
        "--log-group", default=default.log_group, help="CloudWatch log group, which exists (%(default)s)"
    )
    parsed.add_argument("--memory", default=str(default.memory), help="MiB at which it is killed (%(default)s)")
    parsed.add_argument("--reservation", default=str(default.reservation), help="MiB it is sure to get (%(default)s)")
    parsed.add_argument("--cpu", default=str(default.cpu), help="CPU units, 1024 a core (%(default)s)")
    parsed.add_argument("--network", default=default.network, help="bridge or awsvpc (%(default)s)")
    parsed.add_argument("--apparmor", default="", help="'unconfined' where the instances have AppArmor (Ubuntu)")
    parsed.add_argument("--task-role", default="", help="ARN of the role that may use the bucket")
    parsed.add_argument("--execution-role", default="", help="ARN of the role that reads the secrets")
    parsed.add_argument("--variable", action="append", default=[], metavar="NAME=VALUE", help="for every task")
    parsed.add_argument("--secret", action="append", default=[], metavar="NAME=ARN", help="from SSM or Secrets Manager")
    parsed.add_argument("--output", default="-", help="file to write; '-' is standard output")
    return parsed


def main() -> int:
    """Write the definition; what a person can mend is one line and exit code 2."""
    arguments = parser().parse_args()
    try:
        text = json.dumps(task_definition.definition(task_definition.check(arguments)), indent=2) + "\n"
        if arguments.output == "-":
            sys.stdout.write(text)
            return 0
        try:
            Path(arguments.output).write_text(text, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise BuildError(f"--output={arguments.output} cannot be written: {error}") from None
    except BuildError as refused:
        print(f"deployments.ecs: {refused}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
