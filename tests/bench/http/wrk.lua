-- SPDX-License-Identifier: MIT OR Apache-2.0
-- What wrk asks for, behind "--": any of browser, close, post=BYTES, pipeline=N, path=/NAME. All
-- arguments together make one request, which is the same text each time. The result is printed as
-- name=value pairs, as the load prints its own.

local browser = {
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
        .. "image/png,image/svg+xml,*/*;q=0.8",
    ["Accept-Language"] = "en-GB,en;q=0.5",
    ["Accept-Encoding"] = "gzip, deflate, br, zstd",
    ["Referer"] = "http://127.0.0.1/overview/of/what/there/is/to/see",
    ["Cookie"] = "session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08; "
        .. "theme=dark; consent=necessary",
    ["Upgrade-Insecure-Requests"] = "1",
}

local function option(name, value)
    if name == "browser" then
        for field, text in pairs(browser) do
            wrk.headers[field] = text
        end
    elseif name == "close" then
        wrk.headers["Connection"] = "close"
    elseif name == "path" then
        wrk.path = value
    elseif name == "post" then
        wrk.method = "POST"
        wrk.body = string.rep("x", tonumber(value))
    elseif name ~= "pipeline" then
        error("unknown argument " .. name)
    end
end

function init(args)
    local pipeline = 1
    for _, argument in ipairs(args) do
        local name, value = argument:match("^(%a+)=?(.*)$")
        option(name, value)
        if name == "pipeline" then
            pipeline = tonumber(value)
        end
    end
    -- Without a function of this name wrk asks no Lua for each request.
    if pipeline > 1 then
        local text = string.rep(wrk.format(), pipeline)
        request = function() return text end
    end
end

function done(summary, latency)
    local errors = summary.errors
    print(string.format("messages=%d bytes=%d seconds=%f errors=%d p50_ns=%d p90_ns=%d p99_ns=%d "
        .. "p999_ns=%d", summary.requests, summary.bytes, summary.duration / 1e6,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50) * 1000, latency:percentile(90) * 1000,
        latency:percentile(99) * 1000, latency:percentile(99.9) * 1000))
end
