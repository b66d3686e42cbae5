"""`jamd listen`: a blind test of two players on one model, one of them often the base, and what comes of it.

plan.py -> sounds.py -> a folder JAMD_HOME/listening/NAME/TIME-ID with session.json and sounds whose names say nothing
sitting.py: a session that is being answered, by terminal.py (output.py and jack_player.py play) or web.py (page.py is
        what the browser gets)
answers.py: JAMD_HOME/listening/NAME/answers.jsonl, a line an answer -> results.py
"""
