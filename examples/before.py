"""The seconds before: a recording that begins before its trigger, without a window.

python examples/before.py [FOLDER]
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path

from h5saver_widget import DataLoader, Recorder

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())

recorder = Recorder()
recorder.settings["base_path"] = str(folder)
recorder.settings["recording", "keep_before"] = 10.0  # s
recorder.settings["recording", "trigger"] = "meter above 0.9"
recorder.settings["recording", "stop_after_frames"] = 30  # counted from the trigger: each event is a file

for number in range(200):
    value = 0.1 * math.sin(number / 40) + (1.0 if number == 120 else 0.0)
    recorder.record("meter", value, units="V")
    time.sleep(0.002)
recorder.stop()

path = Path(recorder.settings["current_h5_file"])
with DataLoader(path) as loader:
    about = loader.h5saver.raw_group.attrs
    meter = loader.load_data("/RawData/Detector000/Data0D/CH00/EnlData00")
    print(path.name, "has", len(meter.data[0]), "frames;", about["trigger_reason"])
    print("the trigger is frame", about["trigger_frame"], "of", about["trigger_source"])
