# Builds the core for aarch64 on another machine, and runs its tests in qemu. Linked statically, so that nothing of
# that architecture has to be installed but what g++-aarch64-linux-gnu brings.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
