# The settings of the image's build, `cmake -C cmake/image.cmake`; the tests on Debian 13 are built with the same.
#
# They are about size. Debian's libcurl can LDAP and RTMP, and the libraries of these load GnuTLS with all that it rests on: 6 MB that
# model-fetch never uses, since a source is http(s) or s3. So libcurl is linked from Debian's own archive without these two protocols: its
# table of protocols has a null where one is left out (as when it is configured without), and answers "unsupported protocol".
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG -ffunction-sections -fdata-sections" CACHE STRING "" FORCE)

foreach(protocol ldap ldaps rtmp rtmpe rtmps rtmpt rtmpte rtmpts)
  string(APPEND left_out " -Wl,--defsym=Curl_handler_${protocol}=0")
endforeach()
set(CMAKE_EXE_LINKER_FLAGS
    "-Wl,--gc-sections -Wl,--as-needed -Wl,-z,pack-relative-relocs -Wl,-z,noseparate-code${left_out}" CACHE STRING "" FORCE)

# TARGETARCH, Debian's word for the architecture that is built for: for another than the builder's, Debian's cross compiler.
execute_process(COMMAND dpkg --print-architecture OUTPUT_VARIABLE builder OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(compiler c++)
if(NOT "$ENV{TARGETARCH}" STREQUAL "" AND NOT "$ENV{TARGETARCH}" STREQUAL "${builder}")
  execute_process(COMMAND dpkg-architecture -a "$ENV{TARGETARCH}" -q DEB_HOST_GNU_TYPE
    OUTPUT_VARIABLE target OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "-.*" "" processor "${target}")
  set(CMAKE_SYSTEM_NAME Linux CACHE STRING "" FORCE)
  set(CMAKE_SYSTEM_PROCESSOR "${processor}" CACHE STRING "" FORCE)
  set(PKG_CONFIG_EXECUTABLE "${target}-pkg-config" CACHE STRING "" FORCE)
  set(compiler "${target}-g++")
  set(CMAKE_CXX_COMPILER "${compiler}" CACHE STRING "" FORCE)
endif()

execute_process(COMMAND "${compiler}" -print-multiarch OUTPUT_VARIABLE multiarch OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(CURL_LIBRARY "/usr/lib/${multiarch}/libcurl.a" CACHE FILEPATH "" FORCE)
execute_process(COMMAND curl-config --static-libs OUTPUT_VARIABLE libraries OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "(-Wl,-Bstatic -lcurl -Wl,-Bdynamic|-lrtmp|-lldap|-llber) *" "" libraries "${libraries}")
set(CMAKE_CXX_STANDARD_LIBRARIES "${libraries}" CACHE STRING "" FORCE)
