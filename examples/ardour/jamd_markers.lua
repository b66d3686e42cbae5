ardour {
	["type"]    = "EditorAction",
	name        = "jamd: chart of the marker",
	license     = "Apache-2.0",
	author      = "jamd",
	description = [[Sends the name of the last marker at or before the playhead to jamd: "| Dm7 | G7 |" as the chart from its next bar, any other name as the style.]]
}

function factory () return function ()
	local address = ARDOUR.LuaOSC.Address ("osc.udp://127.0.0.1:9120")
	local playhead = Session:transport_sample ()
	local name, at = nil, -1
	for l in Session:locations ():list ():iter () do
		local start = l:start ():samples ()
		if l:is_mark () and not l:is_session_range () and start <= playhead and start > at then
			name, at = l:name (), start
		end
	end
	if name == nil then return end
	if string.find (name, "|", 1, true) then
		address:send ("/jam/chart", "s", name)
	else
		address:send ("/jam/style", "s", name)
	end
end end
