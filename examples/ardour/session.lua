-- A new, empty session on the running JACK server: ardour7-lua session.lua FOLDER NAME
local session = create_session(arg[1], arg[2], 48000)
assert(session, "no session in " .. arg[1] .. ": is a JACK server running?")
session:save_state("")
close_session()
quit()
