# Writes the table of src/assets.h: every file under DIR by its path there (a name in .gz is stored
# as gzip under the name without), and FILE by its name.
#
#   cmake -DDIR=... -DFILE=... -DOUTPUT=... -P embed.cmake
file(GLOB_RECURSE paths RELATIVE ${DIR} ${DIR}/*)
list(SORT paths)
set(arrays "")
set(table "")
set(count 0)

macro(add_asset name path is_gzip)
  file(READ ${path} hex HEX)
  file(SHA256 ${path} hash)
  string(SUBSTRING ${hash} 0 16 hash)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(REGEX REPLACE "(................................................................................)"
         "\\1\n" bytes "${bytes}")
  string(APPEND arrays "static const unsigned char bytes_${count}[] = {\n${bytes}0};\n")
  string(APPEND table "    {\"${name}\", \"\\\"${hash}\\\"\", bytes_${count}, "
                      "sizeof bytes_${count} - 1, ${is_gzip}},\n")
  math(EXPR count "${count} + 1")
endmacro()

foreach(path IN LISTS paths)
  if(path MATCHES "^(.*)\\.gz$")
    add_asset(${CMAKE_MATCH_1} ${DIR}/${path} true)
  else()
    add_asset(${path} ${DIR}/${path} false)
  endif()
endforeach()
get_filename_component(name ${FILE} NAME)
add_asset(${name} ${FILE} false)

file(WRITE ${OUTPUT} "/* Made by embed.cmake. */\n#include \"src/assets.h\"\n\n${arrays}
const struct asset assets[] = {\n${table}};
const size_t asset_count = ${count};\n")
