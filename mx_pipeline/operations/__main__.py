"""`python -m mx_pipeline.operations` is `mx-pipeline`."""

from mx_pipeline.operations.command_line import main

main()
