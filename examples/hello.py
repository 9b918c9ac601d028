"""The smallest program, and a look at where it runs."""

import os
import platform
import sys

print("Hello from a sandbox.")
print(f"  interpreter  {platform.python_implementation()} {platform.python_version()}")
print(f"  platform     {sys.platform}")
print(f"  folder       {os.getcwd()}, with {os.listdir() or 'nothing'} in it")
print(f"  root         {', '.join(sorted(os.listdir('/')))}")
