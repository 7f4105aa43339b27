"""`python -m stackgan`: the command `stackgan`, written by hand as __init__.py is"""
import sys

from .cli import main

if __name__ == "__main__": sys.exit(main())
