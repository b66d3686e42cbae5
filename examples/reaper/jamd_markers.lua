-- ReaScript: sends markers as charts to jamd, a bar ahead, so that each begins exactly on its marker.
--
-- A marker "| Dm7 | G7 |" is a chart, "style: slow ballad" a style, "scene: 2" launches a row of slots. jamd takes a chart from its next
-- bar line, so it is sent when less than a bar is left. Run the action again to stop it. REAPER has no sockets for scripts: the messages
-- go through `jamd send`. Set JAMD to the full path of the command if it is not found.

local JAMD = "jamd"
local CONNECT = "127.0.0.1:9120"
local AHEAD_BEATS = 4

local sent = {}
local playing = false
local last_position = 0

-- One word of a command line, quoted for the system's shell.
local function quoted(text)
  if reaper.GetOS():match("^Win") then
    return '"' .. text:gsub('"', "'") .. '"'
  end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- -1: do not wait for the command.
local function send(address, text)
  local words = { quoted(JAMD), "send", "--connect", CONNECT, address }
  if text then
    words[#words + 1] = quoted(text)
  end
  reaper.ExecProcess(table.concat(words, " "), -1)
end

-- What a marker's name means: an address and its argument; nil if it is none of ours.
local function meaning(name)
  local style = name:match("^%s*style:%s*(.-)%s*$")
  if style then
    return "/jam/style", style
  end
  local scene = name:match("^%s*scene:%s*(%d+)%s*$")
  if scene then
    return "/scene/" .. scene .. "/launch"
  end
  if name:find("|", 1, true) then
    return "/jam/chart", name
  end
end

-- Beats (quarter notes) from the start of the project.
local function beats_at(position)
  local _, _, _, full_beats = reaper.TimeMap2_timeToBeats(0, position)
  return full_beats
end

local function send_markers(position)
  local now = beats_at(position)
  local index = 0
  while true do
    local found, is_region, start, _, name, number = reaper.EnumProjectMarkers(index)
    if found == 0 then
      break
    end
    index = index + 1
    local left = beats_at(start) - now
    if not is_region and not sent[number] and left > 0 and left <= AHEAD_BEATS then
      local address, text = meaning(name)
      if address then
        sent[number] = true
        send(address, text)
      end
    end
  end
end

local function step()
  local state = reaper.GetPlayState()
  local now_playing = state & 1 == 1 and state & 2 == 0
  if now_playing ~= playing then
    playing = now_playing
    sent = {}
    send(playing and "/jam/start" or "/jam/stop")
  end
  if playing then
    local position = reaper.GetPlayPosition()
    if position < last_position then -- a loop or a jump: every marker may come again
      sent = {}
    end
    last_position = position
    send_markers(position)
  end
  reaper.defer(step)
end

reaper.atexit(function()
  if playing then
    send("/jam/stop")
  end
end)
step()
