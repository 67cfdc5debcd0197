"""The provisioning tasks: one module a concern, each a plain pyinfra ``@deploy`` that can be run alone."""
